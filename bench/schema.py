"""The code of the schema that is measured, generated anew for each run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.workspace import ROOT, seconds_of

__all__ = ["Schema", "generate"]

_PROTO: Final = ROOT / "bench" / "proto"
_SCHEMA: Final = "acme/bench/v1/bench.proto"


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """What was generated."""

    python: Path
    """The folder to put on the path."""

    jetstream: Mapping[str, Any]
    """The streams and consumers that it needs."""


def generate(folder: Path) -> Schema:
    """Generates the code of all peers into a folder; the messages are the same for each."""
    shutil.copytree(_PROTO, folder, dirs_exist_ok=True)
    protonats = Path(sys.executable).parent / "protonats"
    seconds_of([protonats, "generate"], cwd=folder)
    includes = subprocess.run(
        [protonats, "includes"], cwd=folder, check=True, capture_output=True, text=True
    )
    python = folder / "generated" / "python"
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I.", *includes.stdout.split()]
    seconds_of([*protoc, f"--grpc_python_out={python}", _SCHEMA], cwd=folder)
    plan = folder / "generated" / "deploy" / "nats" / "jetstream.json"
    return Schema(python=python, jetstream=json.loads(plan.read_text(encoding="utf-8")))
