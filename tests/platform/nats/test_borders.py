"""What crosses the borders between accounts: the gateway's calls, and what monitoring asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from bodybroker.capability_registry.v1 import capability_registry_pb2
from bodybroker.capability_registry.v1.capability_registry_nats import (
    CapabilityRegistryServiceClient,
)
from bodybroker.event_bus.v1 import event_bus_pb2
from bodybroker.event_bus.v1.event_bus_nats import EventBusServiceClient, EventBusServiceServer
from protonats._serving.instance import Instance
from protonats.connection import connect
from protonats.errors import Code, StatusError
from protonats.server import CallContext, Server
from services.capability_registry.service import CapabilityRegistryService
from tests.platform.nats.installation import Installation, changed, until
from tests.platform.nats.raw import Raw
from tests.platform.nats.table import Table

pytestmark = pytest.mark.anyio

BUS = "event_bus"
PATTERNS = event_bus_pb2.SubscribeRequest(patterns=["evt.>"])


class EventBus(EventBusServiceServer):
    """Answers with what it was asked."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    async def publish(
        self, request: event_bus_pb2.PublishRequest, context: CallContext
    ) -> event_bus_pb2.PublishResponse:
        return event_bus_pb2.PublishResponse(event_id=str(len(request.event.value)))

    async def subscribe(
        self, request: event_bus_pb2.SubscribeRequest, context: CallContext
    ) -> AsyncIterator[event_bus_pb2.SubscribeResponse]:
        for number in range(2000):
            subscribed = event_bus_pb2.SubscribeResponse.Subscribed(subscription_id=str(number))
            yield event_bus_pb2.SubscribeResponse(subscribed=subscribed)
        if request.subscription_id == "wait":
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()

    async def unsubscribe(
        self, request: event_bus_pb2.UnsubscribeRequest, context: CallContext
    ) -> event_bus_pb2.UnsubscribeResponse:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        raise AssertionError


@asynccontextmanager
async def serving(installation: Installation, user: str, server: Server) -> AsyncIterator[None]:
    async with await connect(installation.settings(user)) as connection:
        instance = Instance(connection, server)
        await instance.start()
        try:
            yield
        finally:
            await instance.drain(grace=1.0)


async def test_the_gateway_calls_what_has_a_route(server: Installation) -> None:
    async with (
        serving(server, BUS, EventBus()),
        await connect(server.settings("gateway")) as gateway,
    ):
        client = EventBusServiceClient(gateway)
        event = AnyMessage(type_url="x/y", value=b"x" * 3_000_000)
        # In parts, as it does not fit into one message.
        answer = await client.publish(event_bus_pb2.PublishRequest(event=event), timeout=20.0)
        assert answer.event_id == "3000000"
        received = [one async for one in client.subscribe(PATTERNS)]
        assert len(received) == 2000


async def test_the_gateway_gives_calls_up(server: Installation) -> None:
    bus = EventBus()
    async with (
        serving(server, BUS, bus),
        await connect(server.settings("gateway")) as gateway,
    ):
        client = EventBusServiceClient(gateway)
        waiting = event_bus_pb2.SubscribeRequest(patterns=["evt.>"], subscription_id="wait")
        stream = client.subscribe(waiting)
        for _ in range(2000):
            await anext(stream)
        await stream.aclose()
        with anyio.fail_after(10):
            await bus.cancelled.wait()
        bus.cancelled.clear()
        request = event_bus_pb2.UnsubscribeRequest(subscription_id="a")
        with anyio.move_on_after(0.2):
            await client.unsubscribe(request, timeout=60.0)
        with anyio.fail_after(10):
            await bus.cancelled.wait()


async def test_the_gateway_does_not_call_what_has_no_route(server: Installation) -> None:
    async with (
        serving(server, "capability_registry", CapabilityRegistryService(None)),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await connect(server.settings("gateway")) as gateway,
        await connect(server.settings("ai_router")) as router,
    ):
        request = capability_registry_pb2.WatchRequest()
        refused = []
        for connection in (gateway, router):
            with pytest.raises(StatusError) as raised:
                await anext(CapabilityRegistryServiceClient(connection).watch(request))
            refused.append(raised.value.code)
    assert refused == [Code.PERMISSION_DENIED, Code.UNIMPLEMENTED]


@pytest.fixture(scope="module")
def open_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A gateway that may publish and subscribe to everything: only the border is left."""
    folder: Path = tmp_path_factory.mktemp("open")
    installation = Installation(folder).standing_alone()
    accounts = folder / "accounts.conf"
    limited, free = "$NKEY_GATEWAY, permissions: $MAY_GATEWAY}", "$NKEY_GATEWAY}"
    accounts.write_text(changed(accounts.read_text(), {f"{{nkey: {limited}": f"{{nkey: {free}"}))
    with installation:
        yield installation


def test_only_what_has_a_route_crosses_the_border(open_gateway: Installation) -> None:
    """Each subject of the platform is sent from the gateway's account, and heard by nobody in the
    services' one, unless the gateway is to call it."""
    allowed = Table().allowed
    published = [probe for probe in allowed if probe.verb == "publish"]
    methods = {probe.subject for probe in published if probe.kind in ("methods", "follow-ups")}
    to_gateway = {probe.subject for probe in published if "gateway" in allowed[probe]}
    services = set(Table().services)
    with Raw(open_gateway, "gateway") as gateway:
        hearing = [Raw(open_gateway, user) for user in services]
        for probe, users in allowed.items():
            for connection, user in zip(hearing, services, strict=True):
                if probe.verb == "subscribe" and user in users:
                    connection.subscribe(f"{probe.subject} {probe.queue}".strip())
        gateway.subscribe("_INBOX.gateway.a.*")
        sent = [probe.subject for probe in published if not probe.subject.startswith("$SYS")]
        for subject in sent:
            gateway.publish(subject, b"", reply="_INBOX.gateway.a.b")
        for connection in hearing:
            connection.settled()
        heard = {subject for connection in hearing for subject, _, _ in connection.messages}
        for connection in hearing:
            connection.close()
    assert heard == to_gateway
    assert len(methods - to_gateway) == 7


def test_the_gateway_hears_nothing_of_the_services(open_gateway: Installation) -> None:
    with Raw(open_gateway, "gateway") as gateway, Raw(open_gateway, "event_bus") as bus:
        gateway.subscribe(">")
        bus.publish("evt.quest.generated.v1.a", b"")
        bus.publish("_INBOX.operator.a.b", b"")
        gateway.settled()
        assert not gateway.messages


async def test_monitoring_finds_the_instances(server: Installation) -> None:
    async with serving(server, BUS, EventBus()):
        with Raw(server, "monitor") as monitor:
            monitor.subscribe("_INBOX.monitor.a.*")
            for verb in ("PING", "INFO", "STATS"):
                monitor.publish(f"$SRV.{verb}", b"", reply="_INBOX.monitor.a.b")
                _, _, body = await asyncio.to_thread(monitor.next_message)
                assert json.loads(body)["name"] == BUS
            with pytest.raises(PermissionError):
                monitor.subscribe("svc.>")


def test_monitoring_hears_what_jetstream_tells(provisioned: Installation) -> None:
    with Raw(provisioned, "monitor") as monitor, Raw(provisioned, "deployer") as deployer:
        monitor.subscribe("$JS.EVENT.ADVISORY.>")
        deployer.publish("$JS.API.STREAM.NAMES", b"", reply="_INBOX.deployer.a.b")
        subject, _, body = monitor.next_message()
        assert subject == "$JS.EVENT.ADVISORY.API"
        assert json.loads(body)["type"] == "io.nats.jetstream.advisory.v1.api_audit"


def test_monitoring_counts_dead_letters_and_reads_none(provisioned: Installation) -> None:
    with Raw(provisioned, "monitor") as monitor, Raw(provisioned, "weather_manager") as weather:
        weather.publish("dlq.GAME_EVENTS.weather_hours", b"secret")
        inbox = "_INBOX.monitor.a.b"
        monitor.subscribe(inbox)

        def counted() -> dict[str, int]:
            body = {"subjects_filter": "dlq.>"}
            answer = monitor.request("dead_letters.DLQ", body, inbox=inbox)
            subjects: dict[str, int] = answer["state"].get("subjects") or {}
            return subjects

        until(counted, "the letter is stored")
        assert counted() == {"dlq.GAME_EVENTS.weather_hours": 1}
        reading = ("$JS.API.STREAM.MSG.GET.DLQ", "$JS.API.DIRECT.GET.DLQ", "dead_letters.AUDIT")
        assert not any(monitor.publishes(reading).values())
