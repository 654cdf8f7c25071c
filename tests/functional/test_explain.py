"""`protonats explain`, and that the permissions it names are enough and no more."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from protonats.testing import EmbeddedNats
from tests.projects import TestProject, environment, run

FRONT = """\
syntax = "proto3";

package acme.front.v1;

import "acme/ping/v1/ping.proto";
import "protonats/v1/options.proto";

// Stands before others.
service FrontService {
  option (protonats.v1.service) = {
    calls: ["acme.ping.v1.PingService"]
    consumes: {durable: "front_pings", events: "acme.ping.v1.Pinged"}
    key_value: {name: "seen", description: "What was seen."}
  };

  // Calls ping in each way.
  rpc Relay(RelayRequest) returns (RelayResponse);

  // Remembers.
  rpc Look(RelayRequest) returns (RelayResponse) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (protonats.v1.method) = {
      timeout: {seconds: 1}
      retry: {max_attempts: 1}
      hedging: {delay: {nanos: 100000000}}
      cache: {ttl: {seconds: 60}, invalidated_by: "acme.ping.v1.Pinged"}
    };
  }
}

message RelayRequest {
  bool forbidden = 1;
}

message RelayResponse {
  string text = 1;
}

message Relayed {
  option (protonats.v1.event) = {subject: "evt.front.relayed.v1"};
}
"""
STREAM = """\
  rpc Ping(PingRequest) returns (PingResponse);

  rpc Watch(PingRequest) returns (stream PingResponse);
}
"""
PROGRAM = """\
import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import protonats
from acme.front.v1 import front_nats, front_pb2
from acme.ping.v1 import ping_nats, ping_pb2
from acme.pong.v1 import pong_nats, pong_pb2
from protonats import provision

LARGE = "x" * 300_000


class Ping(ping_nats.PingServiceServer):
    def __init__(self, app):
        self.publisher = ping_nats.PingServicePublisher(app.connection)

    async def ping(self, request, context):
        await self.publisher.publish_pinged(ping_pb2.Pinged())
        return ping_pb2.PingResponse(text=request.text)

    async def watch(self, request, context):
        for number in range(3):
            yield ping_pb2.PingResponse(text=str(number))


class Front(front_nats.FrontServiceServer):
    def __init__(self, app):
        self.app = app
        self.publisher = front_nats.FrontServicePublisher(app.connection)

    async def relay(self, request, context):
        if request.forbidden:
            pong = pong_nats.PongServiceClient(self.app.connection)
            try:
                await pong.pong(pong_pb2.PongRequest())
            except protonats.StatusError as error:
                return front_pb2.RelayResponse(text=error.message)
        ping = ping_nats.PingServiceClient(self.app.connection)
        answer = await ping.ping(ping_pb2.PingRequest(text=LARGE))
        numbers = [one.text async for one in ping.watch(ping_pb2.PingRequest())]
        await self.publisher.publish_relayed(front_pb2.Relayed())
        return front_pb2.RelayResponse(text=f"{len(answer.text)} {numbers}")

    async def look(self, request, context):
        entry = await (await self.app.key_value("seen")).read("pings")
        return front_pb2.RelayResponse(text=(entry.value or b"").decode())

    async def on_pinged(self, event, context):
        bucket = await self.app.key_value("seen")
        entry = await bucket.read("pings")
        await bucket.write("pings", b"seen", after=entry.revision)


async def main(address, plan):
    def settings(user):
        return protonats.ConnectionSettings(servers=(f"nats://{user}:p@{address}",), name=user)

    async with AsyncExitStack() as stack:
        operator = await stack.enter_async_context(
            await protonats.connect(settings("operator"))
        )
        await provision.apply(operator.jetstream, json.loads(Path(plan).read_text()), replicas=1)
        for name, server in (("ping", Ping), ("front", Front)):
            chosen = protonats.Settings(connection=settings(name), health_address=None)
            app = await stack.enter_async_context(protonats.Application(chosen))
            await app.serve(server(app))
        front = front_nats.FrontServiceClient(operator)
        print((await front.relay(front_pb2.RelayRequest(), timeout=10.0)).text)
        while not (await front.look(front_pb2.RelayRequest())).text:
            await asyncio.sleep(0.01)
        print("seen")
        print((await front.relay(front_pb2.RelayRequest(forbidden=True), timeout=10.0)).text)


asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    project = TestProject(tmp_path / "project")
    ping = "proto/acme/ping/v1/ping.proto"
    project.replace(ping, "  rpc Ping(PingRequest) returns (PingResponse);\n}\n", STREAM)
    project.replace(
        ping, "message PingResponse {}", "message PingResponse {\n  string text = 1;\n}"
    )
    project.write("proto/acme/front/v1/front.proto", FRONT)
    streams = "[evt.ping.>, evt.front.>, dlq.>]"
    project.replace("protonats.yaml", "[evt.ping.>]", streams)
    return project


def explained(project: TestProject, name: str) -> dict[str, Any]:
    result = project.command("explain", name, "--json")
    assert result.exit_code == 0, result.output
    value: dict[str, Any] = json.loads(result.stdout)
    return value


def text(project: TestProject, name: str) -> str:
    result = project.command("explain", name)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_permissions_of_a_service_are_enough_and_no_more(
    project: TestProject, tmp_path: Path
) -> None:
    project.generate()
    (tmp_path / "program.py").write_text(PROGRAM)
    users = ["{user: operator, password: p}"]
    users += [user(name, explained(project, name)["permissions"]) for name in ("ping", "front")]
    config = f"max_payload: 128KB\nauthorization {{ users: [{', '.join(users)}] }}\n"

    with EmbeddedNats(jetstream=True, config=config) as server:
        plan = project.root / "generated/deploy/nats/jetstream.json"
        address = f"127.0.0.1:{server.port}"
        generated = project.root / "generated" / "python"
        arguments = ("-W", "error", tmp_path / "program.py", address, plan)
        path = os.pathsep.join((str(generated), environment()["PYTHONPATH"]))
        done = run(sys.executable, *arguments, PYTHONPATH=path)

    assert done.stdout.splitlines() == [
        "300000 ['0', '1', '2']",
        "seen",
        "the NATS server does not let this user publish to svc.acme.pong.v1.pong",
    ], done.stderr


def user(name: str, permissions: Mapping[str, Any]) -> str:
    return f"{{user: {name}, password: p, permissions: {json.dumps(permissions)}}}"


def test_a_service(project: TestProject) -> None:
    assert text(project, "front") == """\
service acme.front.v1.FrontService
  Stands before others.
  name         front
  version      1.0.0
  schema       proto/acme/front/v1/front.proto
  queue group  q.acme.front
  runs         python -m protonats.serve services.front.service:FrontService
  called by    no service

methods
  Relay  unary  svc.acme.front.v1.relay  5 s
  Look   unary  svc.acme.front.v1.look   1 s

calls
  ping.Ping
  ping.Watch

publishes
  Relayed  evt.front.relayed.v1  in EVENTS  to no service

consumer front_pings of stream EVENTS
  Pinged        evt.ping.pinged.v1
  deliveries    5, each answered within 30 s, with pauses of 1 s, 5 s, 15 s
  dead letters  dlq.EVENTS.front_pings

key-value buckets
  seen  What was seen.

may publish
  $JS.ACK.EVENTS.front_pings.>
  $JS.API.CONSUMER.INFO.EVENTS.front_pings
  $JS.API.CONSUMER.MSG.NEXT.EVENTS.front_pings
  $JS.API.STREAM.INFO.KV_seen
  $JS.API.STREAM.MSG.GET.KV_seen
  $JS.API.STREAM.NAMES
  $KV.seen.>
  _INBOX.operator.>
  _R_.>
  dlq.EVENTS.front_pings
  evt.front.relayed.v1
  svc.acme.ping.v1._cancel
  svc.acme.ping.v1._i.*.*
  svc.acme.ping.v1.ping
  svc.acme.ping.v1.watch

may subscribe
  $SRV.INFO
  $SRV.INFO.front
  $SRV.INFO.front.*
  $SRV.PING
  $SRV.PING.front
  $SRV.PING.front.*
  $SRV.STATS
  $SRV.STATS.front
  $SRV.STATS.front.*
  _INBOX.front.>
  evt.ping.pinged.v1
  svc.acme.front.v1._cancel
  svc.acme.front.v1._i.*.*
  svc.acme.front.v1.look q.acme.front
  svc.acme.front.v1.relay q.acme.front

files
  generated/python/acme/front/v1/front_pb2.py
  generated/python/acme/front/v1/front_pb2.pyi
  generated/python/acme/front/v1/front_nats.py
  services/front/service.py
"""


def test_a_method(project: TestProject) -> None:
    assert text(project, "front.Look") == """\
method acme.front.v1.FrontService.Look
  kind             unary
  request          acme.front.v1.RelayRequest
  response         acme.front.v1.RelayResponse
  subject          svc.acme.front.v1.look
  instances hear   svc.acme.front.v1.look
  time-out         1 s
  side effects     no_side_effects
  attempts         1
  made again when  never
  hedging          delay 0.1 s, max_attempts 2
  cache            ttl 60 s, local_ttl 0.1 s, stale_while_revalidate 0 s, invalidated_by \
acme.ping.v1.Pinged
  called by        no service
  schema           proto/acme/front/v1/front.proto:22:5
"""


def test_an_event(project: TestProject) -> None:
    assert text(project, "Pinged") == """\
event acme.ping.v1.Pinged
  subject       evt.ping.pinged.v1
  stored        in EVENTS
  published by  ping
  consumed by   front (front_pings)
  invalidates   acme.front.v1.FrontService.Look
  schema        proto/acme/ping/v1/ping.proto:24:3
"""


def test_a_schema(project: TestProject) -> None:
    assert text(project, "proto/acme/ping/v1/ping.proto") == """\
schema proto/acme/ping/v1/ping.proto
  module  acme.ping.v1.ping_pb2

services
  acme.ping.v1.PingService

events
  acme.ping.v1.Pinged

messages
  acme.ping.v1.PingRequest
  acme.ping.v1.PingResponse
  acme.ping.v1.Pinged

files
  generated/python/acme/ping/v1/ping_pb2.py
  generated/python/acme/ping/v1/ping_pb2.pyi
  generated/python/acme/ping/v1/ping_nats.py
"""
    assert text(project, "ping.proto") == text(project, "acme/ping/v1/ping.proto")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Pingd", "'Pingd' is no service, method, event or schema: did you mean"),
        (
            "PingServices",
            "'PingServices' is no service, method, event or schema: did you mean"
            " 'acme.ping.v1.PingService'?",
        ),
    ],
)
def test_an_unknown_name_is_refused(project: TestProject, name: str, message: str) -> None:
    result = project.command("explain", name)

    assert result.exit_code == 1
    assert message in result.stderr


def test_a_name_of_two_is_refused_with_both(project: TestProject) -> None:
    project.replace("proto/acme/pong/v1/pong.proto", "PongService", "PingService")
    project.replace("proto/acme/pong/v1/pong.proto", "Pong(", "Ping(")

    result = project.command("explain", "PingService.Ping")

    assert result.stderr == (
        "error: 'PingService.Ping' may be acme.ping.v1.PingService.Ping or"
        " acme.pong.v1.PingService.Ping: write one of these\n"
    )
