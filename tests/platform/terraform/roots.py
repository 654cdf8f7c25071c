"""The roots of Terraform, run by the real program on the stand-in provider."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.platform.tools import ROOT, tool

__all__ = ["ENVIRONMENTS", "Root", "copied", "environment_root", "registry_root", "resources"]

ENVIRONMENTS = ("dev", "staging", "production")

SOURCE = ROOT / "infra" / "terraform"

BACKEND = 'backend "s3" {}'
"""What the roots say of where their states are."""


@dataclass(frozen=True, slots=True)
class Root:
    """A root in a copy of the modules, which may be broken."""

    folder: Path
    variables: tuple[Path, ...]
    environment: Mapping[str, str]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs Terraform there."""
        return subprocess.run(
            [tool("terraform"), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
        )

    def init(self) -> None:
        """Makes it ready, with a state of its own."""
        self.run("init", "-input=false", "-no-color")

    def validate(self) -> list[str]:
        """What is wrong with it: `summary: detail`."""
        result = json.loads(self.run("validate", "-json", check=False).stdout)
        return [f"{d['summary']}: {d.get('detail', '')}" for d in result["diagnostics"]]

    def plan(self, *arguments: str) -> dict[str, Any]:
        """The plan, as `terraform show -json` tells it. It is kept in `plan` in the folder."""
        files = [f"-var-file={path}" for path in self.variables]
        self.run("plan", "-input=false", "-no-color", "-out=plan", *files, *arguments)
        return self._shown("plan")

    def apply(self) -> dict[str, Any]:
        """The state after the plan was carried out."""
        self.run("apply", "-input=false", "-no-color", "plan")
        return self._shown()

    def _shown(self, *arguments: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.run("show", "-json", *arguments).stdout)
        return shown


def copied(folder: Path) -> Path:
    """A copy of the modules and of what is generated, in which a root can be run and broken."""
    modules = folder / "infra" / "terraform"
    shutil.copytree(SOURCE, modules, ignore=shutil.ignore_patterns(".terraform*", "plan"))
    shutil.copytree(ROOT / "generated" / "deploy", folder / "generated" / "deploy")
    # Where the states are is chosen when a platform is installed; here it is a process.
    for main in (*modules.glob("environments/*/main.tf"), modules / "registry" / "main.tf"):
        text = main.read_text()
        assert BACKEND in text
        main.write_text(text.replace(BACKEND, 'backend "http" {}'))
    return modules


def environment_root(modules: Path, name: str, environment: Mapping[str, str]) -> Root:
    """The root of one environment."""
    folder = modules / "environments" / name
    generated = modules.parents[1] / "generated" / "deploy" / name / "terraform.tfvars.json"
    given = folder / "given.tfvars.json"
    given.write_text(json.dumps(_given(json.loads(generated.read_text()))))
    return Root(folder, (generated, given), _with_state(environment, folder))


def registry_root(modules: Path, environment: Mapping[str, str]) -> Root:
    """The root of the registry."""
    folder = modules / "registry"
    generated = modules.parents[1] / "generated" / "deploy" / "registry.tfvars.json"
    given = folder / "given.tfvars.json"
    given.write_text(json.dumps({"account_id": "123456789012"}))
    return Root(folder, (generated, given), _with_state(environment, folder))


def resources(shown: Mapping[str, Any], type_: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The addresses and values of all resources in a plan or a state, or of those of one type."""
    values = shown.get("planned_values", shown.get("values", {}))
    modules = [values["root_module"]]
    while modules:
        module = modules.pop()
        modules.extend(module.get("child_modules", []))
        for resource in module.get("resources", []):
            if resource["mode"] == "managed" and type_ in ("", resource["type"]):
                yield resource["address"], resource.get("values", {})


def _with_state(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    return {**environment, "TF_HTTP_ADDRESS": f"{environment['TF_HTTP_ADDRESS']}{folder}"}


def _given(generated: Mapping[str, Any]) -> dict[str, Any]:
    """What people say who install a platform."""
    images = [*generated["services"], "collector", "exporter", "tools"]
    return {
        "account_id": "123456789012",
        "redis_token": "x" * 40 if generated["redis"] else None,
        "installation": {
            "alert_addresses": ["people@example.com"],
            "gateway_ranges": ["198.51.100.0/24"],
            "gateway_zone_id": "Z0000000000000",
            "images": {name: f"registry.example.com/{name}@sha256:{'0' * 64}" for name in images},
            "internet_egress": False,
            "nats_image_id": "ami-00000000000000000",
            "nats_server_sha256": "0" * 64,
        },
    }
