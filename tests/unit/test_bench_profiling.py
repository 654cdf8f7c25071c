"""`make bench ARGS=--profile`: what is read from the stacks of a profiler."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench import profiles, profiling
from bench.processes import WorkerError
from bench.profiles import PartProfile
from bench.profiling import Profile

LOOP = "main (bench/worker.py:48);Runner.run (asyncio/runners.py:118);uv__io_poll (linux.c:1452)"
CALL = f"{LOOP};call (protonats/_calling/unary.py:77)"
STACKS = [
    f"{LOOP};epoll_pwait (libc.so.6) 500",
    "clone (libc.so.6);Thread._bootstrap (threading.py:1002);wait (threading.py:331) 400",
    "main (bench/worker.py:48);_client (bench/worker.py:36);gc_collect_main (gcmodule.c:1) 300",
    f"{CALL} 30",
    f"{CALL};encode_message (_message.abi3.so) 20",
    f"{CALL};_write (asyncio/streams.py:325);write (libc.so.6) 40",
    f"{LOOP} 10",
]


@pytest.fixture
def found() -> Profile:
    return profiling.read("client", STACKS, system=0.25)


def test_a_function_has_its_own_time_and_that_of_the_c_below_it(found: Profile) -> None:
    assert found.functions == {
        "call (protonats/_calling/unary.py)": 0.5,
        "_write (asyncio/streams.py)": 0.4,
        "event loop": 0.1,
    }


def test_time_is_told_apart_by_what_is_done(found: Profile) -> None:
    kinds = {"system calls": 0.4, "Python": 0.3, "protobuf": 0.2, "event loop": 0.1}

    assert found.kinds == kinds


def test_waiting_and_getting_ready_do_not_count(found: Profile) -> None:
    assert found.samples == 100


def test_the_page_has_the_shares_of_each_process(found: Profile, tmp_path: Path) -> None:
    profiles.publish([PartProfile(names=("unary", "unary-cpu"), processes=[found])], tmp_path)

    text = (tmp_path / "profiles.md").read_text(encoding="utf-8")
    assert "## `unary`, `unary-cpu`" in text
    assert "The client, 100 samples: the kernel 25.0 %, system calls 40.0 %" in text
    assert "| 50.0 % | `call (protonats/_calling/unary.py)` |" in text


def test_a_profiler_that_may_not_look_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    denied = tmp_path / "py-spy"
    denied.write_text("#!/bin/sh\necho Permission Denied\nexit 1\n")
    denied.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    with (
        pytest.raises(WorkerError, match=r"py-spy cannot look at process .*Permission Denied"),
        profiling.profiled(tmp_path, {"client": os.getpid()}),
    ):
        pass
