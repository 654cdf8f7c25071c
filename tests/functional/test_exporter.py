"""The exporter in front of a real server, with the faults that servers have."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats import provision
from protonats.connection import connect
from protonats.exporter.samples import TEXTS
from protonats.exporter.streams import FoundStream, leaderless
from tests.functional.echo import Echo, EchoClient, calling, serving
from tests.functional.exporting import Platform, exporting, platform
from tests.functional.game import until
from tests.projects import ROOT

pytestmark = pytest.mark.anyio

PLAN: dict[str, Any] = {
    "streams": [
        {"name": "GAME", "subjects": ["evt.>"], "max_age_seconds": 3600, "replicas": 1},
        {"name": "DLQ", "subjects": ["dlq.>"], "replicas": 1},
    ],
    "consumers": [
        {
            "stream": "GAME",
            "durable": "planner",
            "service": "echo",
            "filter_subjects": ["evt.quest.*"],
            "ack_wait_seconds": 5,
        }
    ],
    "buckets": [{"name": "quests", "replicas": 1}],
}


@pytest.fixture
def running() -> Iterator[Platform]:
    with platform() as started:
        yield started


@pytest.fixture
async def planned(running: Platform, tmp_path: Path) -> dict[str, str]:
    """How an exporter finds a server that has what is planned."""
    async with await connect(running.url()) as connection:
        await provision.apply(connection.jetstream, PLAN)
    path = tmp_path / "jetstream.json"
    path.write_text(json.dumps(PLAN))
    return {**running.variables(), "EXPORTER_PLAN": str(path)}


async def test_a_server_and_its_streams(running: Platform, planned: dict[str, str]) -> None:
    async with await connect(running.url()) as services:
        for number in range(3):
            await services.jetstream.publish(f"evt.quest.{number}", b"x")
        async with exporting(planned) as told:
            stream = {"account": "SERVICES", "stream_name": "GAME", "is_stream_leader": "true"}
            await told.until("jetstream_stream_total_messages", 3.0, **stream)
            consumer = {**stream, "consumer_name": "planner", "is_consumer_leader": "true"}
            assert told.values("jetstream_consumer_num_pending", **consumer) == [3.0]
            assert told.values("jetstream_consumer_num_ack_pending", **consumer) == [0.0]
            assert told.values("jetstream_server_jetstream_disabled") == [0.0]
            assert told.values("jetstream_server_total_streams") == [3.0]
            await told.until("gnatsd_varz_connections", 2.0)
            assert told.values("gnatsd_varz_slow_consumers") == [0.0]
            await told.until("gnatsd_connz_num_connections", 2.0)
            assert told.values("gnatsd_healthz_status", value="ok") == [0.0]
            assert told.values("protonats_platform_node_up", node=running.node) == [1.0]


async def test_what_differs_from_the_plan(running: Platform, planned: dict[str, str]) -> None:
    async with await connect(running.url()) as services, exporting(planned) as told:
        # Four entries, of which each is neither missing nor changed.
        await told.until("protonats_platform_drift", *([0.0] * 8))
        streams = services.jetstream
        config = (await streams.stream_info("GAME")).config
        config.max_age = 600.0
        await streams.update_stream(config)
        game = {"kind": "stream", "name": "GAME"}
        await told.until("protonats_platform_drift", 1.0, **game, problem="changed")
        await streams.delete_consumer("GAME", "planner")
        lost = {"kind": "consumer", "name": "GAME/planner"}
        await told.until("protonats_platform_drift", 1.0, **lost, problem="missing")
        await streams.delete_stream("KV_quests")
        lost = {"kind": "bucket", "name": "quests"}
        await told.until("protonats_platform_drift", 1.0, **lost, problem="missing")
        await streams.add_stream(name="MINE", subjects=["mine"])
        mine = {"kind": "stream", "name": "MINE"}
        await told.until("protonats_platform_drift", 1.0, **mine, problem="unplanned")
        await streams.delete_stream("MINE")
        await provision.apply(streams, PLAN)
        await told.until("protonats_platform_drift", *([0.0] * 8))


async def test_dead_letters_by_consumer(running: Platform, planned: dict[str, str]) -> None:
    name = "protonats_platform_dead_letters"
    async with await connect(running.url()) as services, exporting(planned) as told:
        await told.until(name, 0.0, stream="GAME", consumer="planner")
        for subject in ("dlq.GAME.planner", "dlq.GAME.planner", "dlq.GAME.other"):
            await services.jetstream.publish(subject, b"x")
        await told.until(name, 2.0, stream="GAME", consumer="planner")
        await told.until(name, 1.0, stream="GAME", consumer="other")
        await services.jetstream.purge_stream("DLQ")
        await told.until(name, 0.0, stream="GAME")


async def test_instances_and_their_work(running: Platform, planned: dict[str, str]) -> None:
    instances, per_task = (
        f"protonats_platform_{name}" for name in ("service_instances", "requests_per_task")
    )
    async with exporting(planned) as told, await connect(running.url()) as services:
        for number in range(4):
            await services.jetstream.publish(f"evt.quest.{number}", b"x")
        async with serving(running.url(), Echo()), serving(running.url(), Echo()):
            await told.until(instances, 2.0)
            await told.until("protonats_platform_queue_per_task", 2.0)
            async with calling(running.url()) as client:
                await told.until(per_task, 0.0)
                asking = asyncio.create_task(_ask_on(client))
                try:
                    await until(lambda: told.values(per_task) > [1.0])
                finally:
                    asking.cancel()
        # Whoever was there once is missed.
        await told.until(instances, 0.0)


async def _ask_on(client: EchoClient) -> None:
    while True:
        await client.say(StringValue(value="a"))
        await asyncio.sleep(0.01)


async def test_advisories_are_counted(running: Platform, planned: dict[str, str]) -> None:
    name = "protonats_platform_advisories_total"
    async with await connect(running.url()) as services, exporting(planned) as told:
        await told.until("protonats_exporter_connected", 1.0)
        before = sum(told.values(name, kind="stream_action"))
        assert told.values(name, kind="stream_quorum_lost") == [0.0]
        await services.jetstream.add_stream(name="MINE", subjects=["mine"])
        await told.until(name, before + 1, kind="stream_action")


async def test_a_server_that_is_killed_and_comes_back(
    running: Platform, planned: dict[str, str]
) -> None:
    up = "protonats_platform_node_up"
    async with exporting({**planned, "NATS_URL": running.url("monitor")}) as told:
        await told.until(up, 1.0)
        await told.until("protonats_exporter_connected", 1.0)
        running.server.kill()
        await told.until(up, 0.0)
        await told.until("protonats_exporter_connected", 0.0)
        await told.until("protonats_exporter_source_up", 0.0, 0.0, 0.0)
        assert told.values("protonats_exporter_errors_total", source="nodes") > [0.0]
        # What nobody knows is not there: no old numbers, and no drift.
        for gone in ("gnatsd_varz_mem", "protonats_platform_drift", "jetstream_server_max_storage"):
            assert told.values(gone) == []
        running.server.start()
        await told.until(up, 1.0)
        await told.until("protonats_exporter_source_up", 1.0, 1.0, 1.0)
        await told.until("protonats_exporter_connected", 1.0)


async def test_a_server_that_answers_nonsense() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"nonsense" if b"varz" in request else b"HTTP/1.1 200 OK\r\n\r\n[]")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        variables = {
            "NATS_URL": "nats://127.0.0.1:1",
            "EXPORTER_NATS_MONITORS": f"http://127.0.0.1:{port}",
            "EXPORTER_INTERVAL": "0.2",
        }
        async with exporting(variables) as told:
            await told.until("protonats_platform_node_up", 0.0)
            await told.until("protonats_exporter_source_up", 0.0, source="nodes")


async def test_a_name_stands_for_the_servers_at_its_addresses(
    running: Platform, planned: dict[str, str]
) -> None:
    port = running.node.rpartition(":")[2]
    planned["EXPORTER_NATS_MONITORS"] = f"dns+http://localhost:{port}"
    async with exporting(planned) as told:
        await told.until("protonats_platform_node_up", 1.0, node=running.node)


async def test_a_name_that_nobody_knows_is_an_error(planned: dict[str, str]) -> None:
    planned["EXPORTER_NATS_MONITORS"] = "dns+http://nobody.invalid:8222"
    async with exporting(planned) as told:
        await told.until("protonats_exporter_source_up", 0.0, source="nodes")


def test_a_stream_whose_leader_nobody_knows() -> None:
    streams = [
        FoundStream(account="A", name=name, config={}, has_leader=name == "led")
        for name in ("led", "lost")
    ]
    found = {sample.labels["stream"]: sample.value for sample in leaderless(streams)}
    assert found == {"led": 0.0, "lost": 1.0}


def test_the_guide_lists_every_metric() -> None:
    page = (ROOT / "docs" / "guide-telemetry.md").read_text()
    for name in TEXTS:
        assert f"| `{name}` |" in page
