"""A project that is deployed, with its keys and certificates in a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from tests.projects import ROOT, TestProject

__all__ = ["NODES", "USERS", "Deployed"]

USERS = ("order", "order_v2", "stock", "operator", "deployer", "gateway", "monitor", "system")
NODES = ("nats-1", "nats-2", "nats-3", "nats-4", "nats-5")
_CASE = ROOT / "tests" / "golden" / "cases" / "deployment"


class Deployed(TestProject):
    """A shop of three services.

    Attributes:
        folder: Where keys and certificates are.
    """

    def __init__(self, root: Path, *, login: str = "nkeys") -> None:
        self.root = root / "project"
        self.folder = root / "secrets"
        shutil.copytree(_CASE / "proto", self.root / "proto")
        text = (_CASE / "protonats.yaml").read_text()
        self.write(
            "protonats.yaml", text.replace("  name: shop\n", f"  name: shop\n  login: {login}\n")
        )

    def asked(self, *arguments: str, environment: str = "production") -> Result:
        """Runs a command on the folder."""
        where = ("--project", str(self.root), "--environment", environment)
        to = () if "--to" in arguments else ("--to", str(self.folder))
        return CliRunner().invoke(main, [*arguments, *where, *to])

    def said(self, *arguments: str) -> str:
        """What it prints when all is well."""
        result = self.asked(*arguments)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        return result.stdout

    def done(self, *arguments: str) -> Any:
        """What it prints as JSON."""
        return json.loads(self.said(*arguments, "--json"))

    def refused(self, *arguments: str, environment: str = "production") -> str:
        """What it says when it ends with exit code 1."""
        result = self.asked(*arguments, environment=environment)
        assert (result.exit_code, result.stdout) == (1, ""), result.output
        return result.stderr.removeprefix("error: ").rstrip("\n").replace(str(self.folder), "DIR")

    def secret(self, path: str) -> str:
        """A file of the folder."""
        return (self.folder / path).read_text()

    def spoil(self, path: str, content: str = "damaged") -> None:
        """Writes something else to a file of the folder."""
        (self.folder / path).write_text(content)

    def modes(self) -> set[tuple[bool, int]]:
        """The permissions of all folders and files."""
        paths = [self.folder, *self.folder.rglob("*")]
        return {(path.is_dir(), path.stat().st_mode & 0o777) for path in paths}
