"""The user data of a node, as Terraform renders it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.platform.tools import ROOT, tool

__all__ = ["MODULE", "UserData", "render"]

MODULE = ROOT / "infra" / "terraform" / "modules" / "nats" / "node"


@dataclass(frozen=True)
class UserData:
    """What a node starts with."""

    text: str
    base64: str
    """Compressed, as a launch template has it."""

    @property
    def value(self) -> dict[str, Any]:
        value: dict[str, Any] = yaml.safe_load(self.text)
        return value

    @property
    def files(self) -> dict[str, str]:
        """What it writes, by path."""
        return {file["path"]: file["content"] for file in self.value["write_files"]}


def render(folder: Path, nodes: dict[str, dict[str, Any]]) -> dict[str, UserData]:
    """The user data of nodes, given their variables by name. The folder is Terraform's."""
    folder.mkdir()
    shutil.copytree(MODULE, folder / "node")
    calls = {
        "module": {
            "node": {
                "source": "./node",
                "for_each": "${local.nodes}",
                **{name: f"${{each.value.{name}}}" for name in next(iter(nodes.values()))},
            }
        },
        "locals": {"nodes": nodes},
        "output": {"nodes": {"value": "${module.node}"}},
    }
    (folder / "main.tf.json").write_text(json.dumps(calls))
    environment = os.environ | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}

    def terraform(*arguments: str) -> str:
        done = subprocess.run(
            [tool("terraform"), *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    terraform("init", "-no-color", "-input=false")
    terraform("apply", "-no-color", "-input=false", "-auto-approve")
    outputs = json.loads(terraform("output", "-json"))["nodes"]["value"]
    return {
        name: UserData(text=output["user_data"], base64=output["user_data_base64"])
        for name, output in outputs.items()
    }
