"""`protonats update`: what the schemas add, merged into services that somebody wrote."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.projects import TestProject

SCHEMA = "proto/acme/ping/v1/ping.proto"
SERVICE = "services/ping/service.py"
RECORD = f".protonats/scaffolds/{SERVICE}.begun"
PONG = "services/pong/service.py"

STUB = """\
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Ping is not implemented",
        )
"""
FILLED_IN = """\
        # Café.
        return self._answer(request.text)

    def _answer(self, text: str) -> ping_pb2.PingResponse:
        return ping_pb2.PingResponse()
"""
POKE = """\
    async def poke(
        self,
        request: ping_pb2.PingRequest,
        context: protonats.CallContext,
    ) -> ping_pb2.PingResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Poke is not implemented",
        )
"""


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    """A project whose ping service is filled in."""
    project = TestProject(tmp_path / "project")
    project.generate()
    project.replace(SERVICE, STUB, FILLED_IN)
    return project


def add(project: TestProject, rpc: str) -> None:
    """Adds a method behind those that the ping service has."""
    project.replace(SCHEMA, "returns (PingResponse);\n}", f"returns (PingResponse);\n  {rpc}\n}}")


def methods(source: str) -> list[str]:
    (service,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node.name for node in service.body if isinstance(node, functions)]


def test_a_new_method_stands_beside_what_was_filled_in(project: TestProject) -> None:
    before = project.read(SERVICE)
    add(project, "rpc Poke(PingRequest) returns (PingResponse);")

    result = project.command("update")

    assert result.exit_code == 0
    assert result.stdout == (
        f"   merged  {SERVICE}\n3 generated files changed. Of your files: 1 merged.\n"
    )
    after = project.read(SERVICE)
    assert after == before.replace("    def _answer(", f"{POKE}\n    def _answer(")
    assert methods(after) == ["__init__", "ping", "poke", "_answer"]
    assert project.drift() == []


def test_what_was_merged_is_not_merged_again(project: TestProject) -> None:
    add(project, "rpc Poke(PingRequest) returns (PingResponse);")
    project.command("update")
    times = project.times()

    result = project.command("update")

    assert project.times() == times
    assert (result.exit_code, result.stdout) == (
        0,
        "0 generated files changed. Nothing to merge into your files.\n",
    )


def test_schemas_may_grow_more_than_once_between(project: TestProject) -> None:
    add(project, "rpc Poke(PingRequest) returns (PingResponse);")
    project.generate()
    add(project, "rpc Prod(PingRequest) returns (PingResponse);")
    project.replace(
        "proto/acme/ping/v1/ping.proto",
        "service PingService {",
        "service PingService {\n  rpc First(PingRequest) returns (PingResponse);",
    )

    assert project.command("update").exit_code == 0
    assert methods(project.read(SERVICE)) == [
        "__init__",
        "first",
        "ping",
        "poke",
        "prod",
        "_answer",
    ]


def test_a_streaming_method_brings_its_imports(project: TestProject) -> None:
    project.replace(SERVICE, "import protonats\n", "import protonats\nimport random\n")
    add(project, "rpc Poke(PingRequest) returns (stream PingResponse);")

    assert project.command("update").exit_code == 0

    source = project.read(SERVICE)
    assert "from __future__ import annotations\n\nfrom collections.abc import Async" in source
    assert "import protonats\nimport random\n" in source


def test_a_consumed_event_gets_its_handler(project: TestProject) -> None:
    project.replace("protonats.yaml", "evt.ping.>", "evt.ping.>, dlq.>")
    project.replace("protonats.yaml", "streams:", "streams:\n  DEAD:\n    subjects: [x.y]")
    project.replace(
        SCHEMA,
        "service PingService {",
        'service PingService {\n  option (protonats.v1.service) = {consumes: {durable: "ping"'
        ' events: "acme.ping.v1.Pinged"}};',
    )

    assert project.command("update").exit_code == 0
    assert methods(project.read(SERVICE)) == ["__init__", "ping", "on_pinged", "_answer"]


def test_a_changed_signature_keeps_the_statements(project: TestProject) -> None:
    project.replace(SCHEMA, "returns (PingResponse);", "returns (Pinged);")

    assert project.command("update").exit_code == 0

    source = project.read(SERVICE)
    assert "    ) -> ping_pb2.Pinged:\n        # Café.\n" in source
    assert "return self._answer(request.text)" in source


def test_a_method_that_the_user_was_faster_to_write_is_the_users(project: TestProject) -> None:
    mine = "    async def poke(self, request, context):\n        return None\n\n"
    project.replace(SERVICE, "    def _answer(", f"{mine}    def _answer(")
    add(project, "rpc Poke(PingRequest) returns (PingResponse);")
    before = project.read(SERVICE)

    result = project.command("update")

    assert (result.exit_code, project.read(SERVICE)) == (0, before)
    assert result.stdout == "3 generated files changed. Nothing to merge into your files.\n"


def test_a_method_that_no_schema_has_any_more_stays_if_it_was_filled_in(
    project: TestProject,
) -> None:
    add(project, "rpc Poke(PingRequest) returns (PingResponse);")
    project.command("update")
    project.replace(SCHEMA, "  rpc Ping(PingRequest) returns (PingResponse);\n", "")
    project.replace(SCHEMA, "rpc Poke", "rpc Push")
    before = project.read(SERVICE)

    result = project.command("update")

    assert result.exit_code == 0
    assert result.stdout == (
        f"   merged  {SERVICE}\n"
        "           ping stays, though no schema has it any more: delete it if nobody needs it\n"
        "3 generated files changed. Of your files: 1 merged.\n"
    )
    after = project.read(SERVICE)
    assert sorted(methods(after)) == ["__init__", "_answer", "ping", "push"]
    assert FILLED_IN.split("\n\n")[0] in after
    assert "Poke" in before
    assert "Poke" not in after


def test_a_new_service_is_begun(project: TestProject) -> None:
    project.write(
        "proto/acme/pang/v1/pang.proto",
        project.read("proto/acme/pong/v1/pong.proto").replace("ong", "ang"),
    )

    result = project.command("update")

    assert "    began  services/pang/service.py\n" in result.stdout
    assert methods(project.read("services/pang/service.py")) == ["__init__", "pang"]
    assert (project.root / ".protonats/scaffolds/services/pang/service.py.begun").is_file()


def test_the_folder_of_a_renamed_service_is_named_and_stays(project: TestProject) -> None:
    project.replace("proto/acme/pong/v1/pong.proto", "service PongService", "service BingService")
    before = project.read(PONG)

    result = project.command("update")

    assert result.exit_code == 0
    assert "    began  services/bing/service.py\n" in result.stdout
    assert (
        f" orphaned  {PONG}\n"
        "           no schema has its service any more: take from it what you need, and delete it\n"
    ) in result.stdout
    assert project.read(PONG) == before

    for name in ("service.py", "__init__.py"):
        (project.root / "services/pong" / name).unlink()
    assert "orphaned" not in project.command("update").stdout
    assert not (project.root / ".protonats/scaffolds/services/pong").exists()


def test_line_ends_and_permissions_stay(project: TestProject) -> None:
    file = project.root / SERVICE
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    file.chmod(0o750)
    add(project, "rpc Poke(PingRequest) returns (PingResponse);")

    assert project.command("update").exit_code == 0

    content = file.read_bytes()
    assert b"async def poke(\r\n" in content
    assert content.count(b"\r\n") == content.count(b"\n")
    assert file.stat().st_mode & 0o777 == 0o750


def test_generate_and_check_say_that_there_is_something_to_merge(project: TestProject) -> None:
    add(project, "rpc Poke(PingRequest) returns (PingResponse);")
    note = f"Note: {SERVICE} began with an older schema. Merge what is new: `protonats update`.\n"

    assert project.command("check").stdout.endswith(note)
    assert project.generate().stdout.endswith(note)
    assert project.command("check").exit_code == 0
    assert project.check()["outdated"] == [SERVICE]

    project.command("update")

    assert project.check()["outdated"] == []


@pytest.mark.parametrize("option", ["--dry-run", "--diff"])
def test_nothing_is_written_to_look_first(project: TestProject, option: str) -> None:
    add(project, "rpc Poke(PingRequest) returns (PingResponse);")
    before = project.files()

    result = project.command("update", option)

    assert (result.exit_code, project.files()) == (0, before)
    if option == "--diff":
        assert result.stdout.startswith(f"--- {SERVICE}\n+++ {SERVICE}\n@@ ")
        assert "+    async def poke(\n" in result.stdout
    else:
        assert result.stdout == (
            f"   merged  {SERVICE}\n3 generated files would change. Of your files: 1 merged.\n"
        )


def test_json_is_for_scripts(project: TestProject) -> None:
    add(project, "rpc Poke(PingRequest) returns (PingResponse);")

    done = json.loads(project.command("update", "--json").stdout)

    (scaffold,) = done.pop("scaffolds")
    assert done == {"dry_run": False, "generated": 3, "warnings": []}
    assert "+    async def poke(\n" in scaffold.pop("diff")
    assert scaffold == {"path": SERVICE, "state": "merged", "conflicts": 0, "notes": []}
