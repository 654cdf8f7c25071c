"""Two versions of a service in one project, served by one process or by two.

Each process has a user of its own on the server, with the permissions that its services need.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from nats import connect

from protoc_gen_nats.graph import Graph
from protoc_gen_nats.permissions import permissions_of, user_of
from protoc_gen_nats.project.project import Project
from protonats.testing import EmbeddedNats
from tests.functional.game import until
from tests.projects import ROOT, TestProject

pytestmark = pytest.mark.anyio

SCHEMA = """\
syntax = "proto3";

package acme.greet.%(version)s;

import "protonats/v1/options.proto";

service GreetService {
  option (protonats.v1.service) = {
    consumes: {
      durable: "greet_%(version)s"
      events: "acme.greet.%(version)s.Greeted"
    }
  };

  rpc Greet(GreetRequest) returns (GreetResponse);
  rpc Count(GreetRequest) returns (stream GreetResponse);
}

message GreetRequest {
  string name = 1;
}

message GreetResponse {
  string text = 1;
}

message Greeted {
  option (protonats.v1.event) = {subject: "evt.greet.greeted.%(version)s"};
}
"""
SERVICE = """\
import protonats
from acme.greet.%(version)s import greet_pb2
from acme.greet.%(version)s.greet_nats import GreetServicePublisher, GreetServiceServer


class GreetService(GreetServiceServer):
    def __init__(self, app: protonats.Application) -> None:
        self._events = GreetServicePublisher(app.connection)

    async def greet(self, request, context):
        await self._events.publish_greeted(greet_pb2.Greeted())
        return greet_pb2.GreetResponse(text=f"{request.name} from %(version)s")

    async def count(self, request, context):
        for number in range(3):
            yield greet_pb2.GreetResponse(text=f"{number} from %(version)s")

    async def on_greeted(self, event, context):
        open("handled_%(version)s", "a").write(context.subject + "\\n")
"""
CALLER = """\
import asyncio
import importlib
import sys

import protonats


async def main() -> None:
    settings = protonats.ConnectionSettings(servers=(sys.argv[1],), name="operator")
    async with await protonats.connect(settings) as connection:
        for version in ("v1", "v2"):
            stub = importlib.import_module(f"acme.greet.{version}.greet_nats")
            pb = importlib.import_module(f"acme.greet.{version}.greet_pb2")
            client = stub.GreetServiceClient(connection, wait_for_ready=True)
            answers = {
                (await client.greet(pb.GreetRequest(name="Ada"), timeout=20)).text
                for _ in range(20)
            }
            streamed = [one.text async for one in client.count(pb.GreetRequest())]
            print(version, sorted(answers), streamed)


asyncio.run(main())
"""
TARGETS = ("services.greet.service:GreetService", "services.greet_v2.service:GreetService")


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    project = TestProject(tmp_path / "project")
    for schema in list((project.root / "proto").rglob("*.proto")):
        schema.unlink()
    project.write(
        "protonats.yaml",
        "version: 1\nstreams: {GREETINGS: {subjects: [evt.greet.>]}, DEAD: {subjects: [dlq.>]}}\n",
    )
    for version in ("v1", "v2"):
        values = {"version": version}
        project.write(f"proto/acme/greet/{version}/greet.proto", SCHEMA % values)
    project.generate()
    for version, package in (("v1", "greet"), ("v2", "greet_v2")):
        project.write(f"services/{package}/service.py", SERVICE % {"version": version})
    project.write("caller.py", CALLER)
    return project


def environment(project: TestProject, nats: EmbeddedNats, user: str) -> dict[str, str]:
    folders = (ROOT / "runtime", project.root / "generated/python", project.root)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        "NATS_URL": f"nats://{user}:p@127.0.0.1:{nats.port}",
        "PROTONATS_HEALTH_ADDRESS": "",
    }


def users(project: TestProject, *, together: bool) -> list[dict[str, Any]]:
    """The users of both versions, or the one of a process that serves the two."""
    found = Project(project.root)
    schema, manifest = found.schema(), found.manifest()
    permissions = {
        user_of(service): asdict(permissions_of(service, schema, Graph.of(schema), manifest))
        for service in schema.services
    }
    if together:
        verbs = ("publish", "subscribe")
        of_both = {v: [*permissions["greet"][v], *permissions["greet_v2"][v]] for v in verbs}
        permissions = {"greet": of_both}
    return [
        {"user": "operator", "password": "p"},
        *({"user": u, "password": "p", "permissions": one} for u, one in permissions.items()),
    ]


@asynccontextmanager
async def serving(
    project: TestProject, nats: EmbeddedNats, user: str, *targets: str
) -> AsyncIterator[None]:
    """A process of a user that serves some classes."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "protonats.serve", *targets),
        cwd=project.root,
        env=environment(project, nats, user),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield
        assert process.returncode is None, (await process.communicate())[1].decode()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def called(project: TestProject, nats: EmbeddedNats) -> list[str]:
    """What a caller of both versions gets."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "caller.py", f"nats://operator:p@127.0.0.1:{nats.port}"),
        cwd=project.root,
        env=environment(project, nats, "operator"),
        stdout=asyncio.subprocess.PIPE,
    )
    return (await process.communicate())[0].decode().splitlines()


async def listed(nats: EmbeddedNats) -> list[tuple[str, str, list[str]]]:
    """Name, version and subjects of all that discovery finds: of two instances."""
    client = await connect(f"nats://operator:p@127.0.0.1:{nats.port}")
    try:
        answers = await client.subscribe("_INBOX.operator.found")
        await client.publish("$SRV.INFO", reply="_INBOX.operator.found")
        infos = [json.loads((await answers.next_msg(10)).data) for _ in range(2)]
    finally:
        await client.close()
    return sorted(
        (info["name"], info["version"], sorted(one["subject"] for one in info["endpoints"]))
        for info in infos
    )


@pytest.mark.parametrize("together", [True, False], ids=["one process", "two processes"])
async def test_calls_and_events_reach_their_version(project: TestProject, together: bool) -> None:
    authorization = json.dumps({"users": users(project, together=together)})
    with EmbeddedNats(jetstream=True, config=f"authorization: {authorization}\n") as nats:
        await provisioned(project, nats)
        if together:
            async with serving(project, nats, "greet", *TARGETS):
                await check(project, nats)
            return
        async with (
            serving(project, nats, "greet", TARGETS[0]),
            serving(project, nats, "greet_v2", TARGETS[1]),
        ):
            await check(project, nats)


def test_each_version_has_rights_to_its_own_subjects(project: TestProject) -> None:
    _, first, second = users(project, together=False)
    shared = {"_INBOX.operator.>", "_R_.>", "$JS.API.STREAM.NAMES"}
    for verb in ("publish", "subscribe"):
        both = set(first["permissions"][verb]) & set(second["permissions"][verb])
        assert {one for one in both if not one.startswith("$SRV.")} <= shared


async def provisioned(project: TestProject, nats: EmbeddedNats) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "protonats.provision", "generated/deploy/nats/jetstream.json"),
        cwd=project.root,
        env=environment(project, nats, "operator"),
    )
    assert await process.wait() == 0


async def check(project: TestProject, nats: EmbeddedNats) -> None:
    """Both versions answer, each for itself, and each handles its own events."""
    assert await called(project, nats) == [
        f"{version} ['Ada from {version}']"
        f" ['0 from {version}', '1 from {version}', '2 from {version}']"
        for version in ("v1", "v2")
    ]
    assert await listed(nats) == [
        ("greet", "1.0.0", ["svc.acme.greet.v1.count", "svc.acme.greet.v1.greet"]),
        ("greet", "2.0.0", ["svc.acme.greet.v2.count", "svc.acme.greet.v2.greet"]),
    ]
    for version in ("v1", "v2"):
        path = project.root / f"handled_{version}"
        await until(partial(_has_lines, path, 20))
        assert set(path.read_text().splitlines()) == {f"evt.greet.greeted.{version}"}


def _has_lines(path: Path, count: int) -> bool:
    return path.exists() and path.read_text().count("\n") == count
