"""The check-up of this machine and of a project."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.live.findings import Finding, fail, ok, skip, warn
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.project.drift import State
from protoc_gen_nats.project.lock import OWNED
from protoc_gen_nats.project.project import MANIFEST_NAME, Project
from protoc_gen_nats.words import counted
from protonats._codegen import CONTRACT

__all__ = ["Found", "check_machine", "check_project"]

_CONTRACT = re.compile(r"^_codegen\.require_contract\((\d+)\)", re.M)
_VARIABLES = re.compile(r"(NATS|REDIS|PROTONATS)_[A-Z_]+")


@dataclass(slots=True)
class Found:
    """What a project has, as far as it can be read."""

    schema: Schema | None = None
    manifest: Manifest | None = None


def check_machine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Python, packages, protoc, and the variables that are set."""
    yield ok(f"Python {platform.python_version()}")
    packages = ("protonats", "protobuf", "nats-py", "redis")
    yield ok(", ".join(f"{name} {metadata.version(name)}" for name in packages))
    if util.find_spec("grpc_tools") is None:
        yield fail("protoc is missing", "install it with `pip install 'protonats[codegen]'`")
    else:
        yield ok(f"protoc of grpcio-tools {metadata.version('grpcio-tools')}")
    known = sorted(name for name in environ if _VARIABLES.fullmatch(name))
    if known:
        yield ok(f"variables: {', '.join(known)}")
    else:
        yield ok("no variable of NATS_…, REDIS_… and PROTONATS_… is set: defaults hold")


def check_project(folder: Path | None, found: Found) -> Iterator[Finding]:
    """Manifest, schemas and generated code; what can be read of them is put into `found`."""
    if folder is None:
        yield skip(
            f"there is no {MANIFEST_NAME} here or above", "go to a project, or see --project"
        )
        return
    project = Project(folder)
    try:
        found.manifest = project.manifest()
        yield ok(f"{MANIFEST_NAME} in {folder}")
        found.schema = project.schema()
        rendered = project.render()
    except UserError as error:
        count = len(error.problems)
        first = str(error.problems[0])
        more = f", and {count - 1} more" if count > 1 else ""
        yield fail(f"{first}{more}", "see them all with `protonats check`")
        return
    schemas, services = len(found.schema.files), len(found.schema.services)
    yield ok(f"schemas compile: {counted(schemas, 'file')}, {counted(services, 'service')}")
    if rendered.warnings:
        yield warn(counted(len(rendered.warnings), "warning"), "see them with `protonats check`")
    drift = [one for one in project.drift(rendered) if one.state is not State.TOOLCHAIN]
    if drift:
        states = ", ".join(sorted({one.state.value for one in drift}))
        yield fail(
            f"not what the schemas say: {counted(len(drift), 'generated file')}, {states}",
            "generate them again with `protonats generate`",
        )
    else:
        yield ok(f"as the schemas say: {counted(len(rendered.owned), 'generated file')}")
    yield _check_contract(folder)


def _check_contract(folder: Path) -> Finding:
    found = {
        int(match[1])
        for path in Path(folder, OWNED, "python").rglob("*_nats.py")
        if (match := _CONTRACT.search(path.read_text(encoding="utf-8")))
    }
    if not found:
        return skip("no generated service", "generate them with `protonats generate`")
    if max(found) > CONTRACT:
        text = f"the code is generated for contract {max(found)}, the runtime has {CONTRACT}"
        return fail(text, "upgrade it with `pip install --upgrade protonats`")
    if min(found) < CONTRACT:
        text = f"the code is generated for contract {min(found)}, the runtime has {CONTRACT}"
        return fail(text, "generate it again with `protonats generate`")
    return ok(f"generated code and runtime have contract {CONTRACT}")
