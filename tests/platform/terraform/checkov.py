"""Checkov, on the modules and on plans."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.platform.tools import tool

__all__ = ["Finding", "Suppression", "findings", "suppressions"]

_BLOCK = re.compile(r'^resource "(\w+)" "(\w+)" \{\n((?: +#.*\n)*)', re.MULTILINE)
_SKIP = re.compile(r"# checkov:skip=(\w+):? ?(.*)")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check that a resource did not pass."""

    check: str
    resource: str
    """`type.name`, without the modules that it is in and its key."""

    file: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """One check that a resource need not pass, and why."""

    check: str
    resource: str
    reason: str


def findings(path: Path, framework: str) -> list[Finding]:
    """What Checkov finds in a folder of modules (`terraform`) or a plan (`terraform_plan`)."""
    kind = "--directory" if path.is_dir() else "--file"
    options = ["--framework", framework, "--skip-download", "--quiet", "--compact"]
    command = [tool("checkov"), kind, str(path), *options, "--output", "json"]
    result = subprocess.run(command, capture_output=True, text=True)
    report = json.loads(result.stdout)
    assert report["summary"]["parsing_errors"] == 0, result.stderr
    assert report["summary"]["passed"] > 0
    return [
        Finding(check["check_id"], _without_modules(check["resource"]), check["file_path"])
        for check in report["results"]["failed_checks"]
    ]


def suppressions(modules: Path) -> list[Suppression]:
    """What the modules say that they need not pass."""
    return [
        Suppression(check, f"{type_}.{name}", reason)
        for path in modules.rglob("*.tf")
        for type_, name, comments in _BLOCK.findall(path.read_text())
        for check, reason in _SKIP.findall(comments)
    ]


def _without_modules(address: str) -> str:
    return ".".join(re.sub(r"\[[^\]]*\]", "", address).split(".")[-2:])
