"""What large messages free stays with the process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """\
from pathlib import Path
from protonats._freed_memory import keep_freed_memory

def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

changed, before = keep_freed_memory(), resident()
blocks = [b"x" * (16 << 20) for _ in range(3)]
del blocks
print(changed, resident() - before > 32 << 20)
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")


def run(**variables: str) -> str:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MALLOC_")}
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.strip()


def test_what_is_freed_is_kept() -> None:
    assert run() == "True True"


@pytest.mark.parametrize(
    "variables",
    [
        {"MALLOC_TRIM_THRESHOLD_": "131072"},
        {"MALLOC_MMAP_THRESHOLD_": "131072"},
        {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_whoever_has_chosen_otherwise_gets_that(variables: dict[str, str]) -> None:
    assert run(**variables) == "False False"
