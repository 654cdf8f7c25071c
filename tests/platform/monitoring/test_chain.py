"""Real faults, and what becomes of them: server → exporter → Prometheus → Alertmanager → webhook,
with the generated rules."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace

import anyio
import pytest
from cryptography import x509

from bodybroker.ai_router.v1 import ai_router_pb2
from bodybroker.ai_router.v1.ai_router_nats import AiRouterServiceClient
from bodybroker.capability_registry.v1 import capability_registry_pb2
from protoc_gen_nats.certificates.authorities import ends
from protoc_gen_nats.certificates.issuing import Issuer
from protoc_gen_nats.certificates.local import LocalAuthority
from protoc_gen_nats.environments import CertificateSettings
from protoc_gen_nats.keys.folder import FolderStore
from protonats.connection import Connection, connect
from protonats.errors import StatusError
from tests.platform.monitoring.chain import SERVICES, Chain, Program
from tests.platform.nats.installation import HOST, Installation, free_ports, now, until
from tests.platform.nats.raw import Raw

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

HOUR = "evt.time.hour.changed.v1.overworld"
WEATHER = "bodybroker.weather_manager.v1.WeatherManagerService"
REGISTRY = "bodybroker.capability_registry.v1.CapabilityRegistryService"
ROUTE = ai_router_pb2.RouteRequest(capability=capability_registry_pb2.CAPABILITY_TYPE_CHAT)


def test_nothing_fires_that_should_not(chain: Chain) -> None:
    # Of the services, three are served here.
    chain.until_firing("ServiceDown")
    until(lambda: names_of(chain) == {"ServiceDown"}, "no other alert fires")
    missing = {alert["labels"]["service"] for alert in chain.alerts()}
    assert len(missing) == 22 - len(SERVICES)
    assert not missing & {WEATHER, REGISTRY}


def names_of(chain: Chain) -> set[str]:
    return {alert["labels"]["alertname"] for alert in chain.alerts()}


def test_a_node_that_is_killed(chain: Chain) -> None:
    victim = chain.installation.nodes[-1]
    name = f"127.0.0.1:{victim.http}"
    victim.kill()
    told = chain.until_firing("NatsNodeDown", node=name)
    assert told["labels"]["severity"] == "critical"
    assert name in told["annotations"]["summary"]
    victim.start()
    until(victim.is_healthy, "the node is back")
    chain.until_resolved("NatsNodeDown", node=name)


def test_a_certificate_that_ends_soon(chain: Chain) -> None:
    installation = chain.installation
    name = f"127.0.0.1:{installation.nodes[0].http}"
    renew(installation, days=5)
    chain.until_firing("CertificateExpires", node=name)
    (figure,) = chain.query(
        f'protonats_platform_certificate_expiry_timestamp_seconds{{node="{name}"}}'
    )
    assert float(figure["value"][1]) == ends(shown_by(installation)).timestamp()
    renew(installation, days=90)
    chain.until_resolved("CertificateExpires", node=name)


def shown_by(installation: Installation) -> x509.Certificate:
    """The certificate that a node shows to clients."""
    context = ssl.create_default_context(cafile=str(installation.ca))
    context.load_cert_chain(installation.cert, installation.key)
    with socket.create_connection(("127.0.0.1", installation.nodes[0].port), timeout=5) as plain:
        assert plain.recv(4096).startswith(b"INFO")
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            shown = connection.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown)


def renew(installation: Installation, *, days: int) -> None:
    """Gives all nodes another certificate, as its rotation does."""
    issuer = Issuer(
        FolderStore(installation.keys),
        LocalAuthority(installation.keys / "ca"),
        CertificateSettings(lifetime=days * 86400.0),
        now,
    )
    assert list(issuer.renew([HOST], everything=True)) == [HOST.holder]
    installation.take_certificates()
    for node in installation.nodes:
        node.reload()


def test_a_redis_server_that_is_killed(chain: Chain) -> None:
    replica = chain.redis[-1]
    name = f"127.0.0.1:{replica.port}"
    replica.kill()
    chain.until_firing("RedisDown", node=name)
    replica.start()
    chain.until_resolved("RedisDown", node=name)


def test_a_service_that_is_gone(chain: Chain) -> None:
    chain.services["weather_manager"].stop()
    chain.until_firing("ServiceDown", service=WEATHER)
    chain.until_firing("TargetDown", app="weather_manager")
    chain.services["weather_manager"].start()
    chain.until_resolved("ServiceDown", service=WEATHER)
    chain.until_resolved("TargetDown", app="weather_manager")


def test_an_exporter_that_is_gone(chain: Chain) -> None:
    chain.exporter.stop()
    chain.until_firing("ExporterDown")
    chain.exporter.start()
    chain.until_resolved("ExporterDown")


async def test_a_stream_that_somebody_changed(chain: Chain) -> None:
    async with await connect(chain.installation.settings("deployer")) as deployer:
        config = (await deployer.jetstream.stream_info("AUDIT")).config
        config.max_age = 3600.0
        await deployer.jetstream.update_stream(config)
    drift = {"kind": "stream", "name": "AUDIT", "problem": "changed"}
    await asyncio.to_thread(chain.until_firing, "PlanDrift", **drift)
    async with await connect(chain.installation.settings("deployer")) as deployer:
        config.max_age = 90 * 24 * 3600.0
        await deployer.jetstream.update_stream(config)
    await asyncio.to_thread(chain.until_resolved, "PlanDrift", **drift)


async def test_a_message_that_nobody_can_handle(chain: Chain) -> None:
    with Raw(chain.installation, "time_manager") as clock:
        clock.publish(HOUR, b"\xff", headers="Nats-Msg-Id: unreadable")
    labels = {"stream": "GAME_EVENTS", "consumer": "weather_hours"}
    await asyncio.to_thread(chain.until_firing, "DeadLetters", **labels)
    async with await connect(chain.installation.settings("operator")) as operator:
        await operator.jetstream.delete_msg("DLQ", 1)
    await asyncio.to_thread(chain.until_resolved, "DeadLetters", **labels)


async def test_a_consumer_that_does_not_keep_up(chain: Chain) -> None:
    labels = {"stream_name": "GAME_EVENTS", "consumer_name": "npc_quest_planner"}
    with Raw(chain.installation, "quest") as quest:
        for number in range(1100):
            quest.publish(f"evt.quest.generated.v1.{number}", b"")
    await asyncio.to_thread(chain.until_firing, "ConsumerLag", **labels)
    async with await connect(chain.installation.settings("npc_behavior")) as planner:
        pulling = await planner.jetstream.pull_subscribe_bind(
            "npc_quest_planner", stream="GAME_EVENTS"
        )
        left = 1100
        while left:
            for message in await pulling.fetch(min(left, 200), timeout=10):
                await message.ack()
                left -= 1
    await asyncio.to_thread(chain.until_resolved, "ConsumerLag", **labels)


async def test_a_service_that_fails(chain: Chain) -> None:
    failing = chain.services["capability_registry"]
    labels = {"app": "ai_router", "service": REGISTRY, "method": "Query"}
    async with (
        await connect(chain.installation.settings("operator")) as operator,
        calling(operator),
    ):
        await asyncio.to_thread(chain.until_firing, "ErrorShareHigh", service=REGISTRY)
        await asyncio.to_thread(chain.until_firing, "BreakerOpen", **labels)
        # The better version comes before the other one goes, as in a deployment: without any, the
        # alert about the service itself would keep this one quiet.
        with another(failing, "services.capability_registry.service:CapabilityRegistryService"):
            await asyncio.to_thread(failing.stop)
            await asyncio.to_thread(chain.until_resolved, "BreakerOpen", **labels)
            failing.start()
            await asyncio.to_thread(until, failing.is_ready, "it is back")


@contextmanager
def another(program: Program, target: str) -> Iterator[None]:
    """A process as another one, of another class."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    started = replace(
        program,
        command=[*program.command[:-1], target],
        variables={**program.variables, "PROTONATS_HEALTH_ADDRESS": address},
        address=address,
        process=None,
    )
    started.start()
    try:
        until(started.is_ready, f"{target} is ready")
        yield
    finally:
        started.stop()


@asynccontextmanager
async def calling(connection: Connection) -> AsyncIterator[None]:
    """Calls the router all the time, whatever it answers."""
    client = AiRouterServiceClient(connection)

    async def call() -> None:
        while True:
            with suppress(StatusError):
                await client.route(ROUTE, timeout=2.0)
            await anyio.sleep(0.02)

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        yield
        group.cancel_scope.cancel()


def test_a_cluster_without_a_majority(chain: Chain) -> None:
    victims = chain.installation.nodes[:3]
    for victim in victims:
        victim.kill()
    chain.until_firing("NatsQuorumLost")
    for victim in victims:
        victim.start()
    for victim in victims:
        until(victim.is_healthy, "the node is back")
    chain.until_resolved("NatsQuorumLost")
