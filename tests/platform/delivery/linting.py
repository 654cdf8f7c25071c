"""What the readers of a workflow say of it: actionlint, zizmor, and shellcheck for its scripts."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.node_packages import NODE
from tests.platform.tools import tool

__all__ = ["Linters", "scripts_of"]

_ACCOUNT = re.compile(r"\b\d{12}\b|\bAKIA[0-9A-Z]{16}\b")
"""The number of an account, or the id of a key."""


@dataclass(frozen=True, slots=True)
class Linters:
    """The readers.

    Attributes:
        node: The folder with the program that calls actionlint.
        scratch: A folder for what they read.
    """

    node: Path
    scratch: Path

    def problems_of(self, workflow: str, *names: str) -> list[str]:
        """What they do not like, each behind the name of who says it.

        Args:
            workflow: The text of the workflow.
            names: Whom to ask; nobody named: all.
        """
        readers = {
            "actionlint": self._actionlint,
            "zizmor": self._zizmor,
            "shellcheck": self._shellcheck,
            "own": _own,
        }
        return [
            f"{name}: {problem}" for name in names or readers for problem in readers[name](workflow)
        ]

    def _actionlint(self, workflow: str) -> Iterator[str]:
        told = _told(str(NODE), str(self.node / "lint.mjs"), str(self._file(workflow)))
        yield from told.splitlines()

    def _zizmor(self, workflow: str) -> Iterator[str]:
        options = ("--offline", "--quiet", "--persona=pedantic", "--format=json", "--no-exit-codes")
        told = _told(tool("zizmor"), *options, str(self._file(workflow)))
        yield from (f"{one['ident']}: {one['desc']}" for one in json.loads(told))

    def _shellcheck(self, workflow: str) -> Iterator[str]:
        with TemporaryDirectory(dir=self.scratch) as folder:
            for number, (name, script) in enumerate(scripts_of(workflow).items()):
                head = f"#!/usr/bin/env bash\n# {name}\nset -eo pipefail\n"
                Path(folder, f"{number}.sh").write_text(head + script)
            command = [tool("shellcheck"), "--format=gcc", "--severity=style"]
            command += map(str, sorted(Path(folder).iterdir()))
            result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode in (0, 1), result.stderr
        yield from result.stdout.replace(f"{folder}/", "").splitlines()

    def _file(self, workflow: str) -> Path:
        folder = self.scratch / ".github" / "workflows"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "delivery.yaml"
        path.write_text(workflow)
        return path


def scripts_of(workflow: str) -> dict[str, str]:
    """The scripts of the steps, by the names of job and step."""
    return {f"{job}/{step['name']}": step["run"] for job, step in _steps(workflow) if "run" in step}


def _steps(workflow: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in yaml.safe_load(workflow)["jobs"].items():
        yield from ((name, step) for step in job["steps"])


def _own(workflow: str) -> Iterator[str]:
    """What nobody else asks for."""
    jobs = yaml.safe_load(workflow)["jobs"]
    if found := _ACCOUNT.search(workflow):
        yield f"{found[0]} belongs to one account"
    for name, job in jobs.items():
        if "timeout-minutes" not in job:
            yield f"{name} may run for ever"
    for name, step in _steps(workflow):
        if "docker push" in step.get("run", "") and "pull_request" not in step.get("if", ""):
            yield f"{name} pushes images of proposals"
    for name, job in jobs.items():
        if not name.startswith("deploy-"):
            continue
        steps = [step.get("name") for step in job["steps"]]
        order = ["Plan", "Streams", "Services", "Wait until they run", "Look at them from inside"]
        if [step for step in steps if step in order] != order:
            yield f"{name} does not plan, make streams, deploy, wait and look, in this order"
        back = [step for step in job["steps"] if "update-service" in step.get("run", "")]
        if not any(step.get("if", "").startswith("failure()") for step in back):
            yield f"{name} does not roll back"
        if job.get("environment") != name.removeprefix("deploy-"):
            yield f"{name} asks nobody"


def _told(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
