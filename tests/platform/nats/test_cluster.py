"""The five nodes of production on this machine: mutual TLS, JetStream with three replicas, and the
loss of a node."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator

import anyio
import pytest

from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2
from bodybroker.quest.v1.quest_nats import QuestServiceClient
from protonats.application import Application
from protonats.connection import connect
from protonats.errors import Code, StatusError
from protonats.settings import Settings
from services.quest.service import QuestService
from tests.platform.nats.installation import (
    PLAN,
    Installation,
    Node,
    provision_as_deployer,
    until,
)
from tests.platform.nats.raw import Raw

pytestmark = pytest.mark.anyio

REQUEST = quest_pb2.GenerateQuestRequest(
    player_id="ada",
    difficulty=common_pb2.DIFFICULTY_HARD,
    level=10,
    theme=quest_pb2.QUEST_THEME_DELIVERY,
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("cluster"), nodes=5) as installation:
        until(lambda: _leader(installation), "a leader of JetStream is elected")
        yield installation


def _leader(installation: Installation) -> str:
    told = [node.told("jsz").get("meta_cluster", {}) for node in installation.nodes]
    return told[0].get("leader", "") if all(one.get("cluster_size") == 5 for one in told) else ""


def test_every_node_has_routes_to_all_others(cluster: Installation) -> None:
    for node in cluster.nodes:
        until(lambda node=node: len(_remotes(node)) == 4, f"{node.name} knows four others")  # type: ignore[misc]


def _remotes(node: Node) -> set[str]:
    return {route["remote_name"] for route in node.told("routez")["routes"]}


def test_a_route_needs_a_certificate(cluster: Installation) -> None:
    port = int(cluster.nodes[0].variables["NATS_CLUSTER_LISTEN"].rpartition(":")[2])
    context = ssl.create_default_context(cafile=str(cluster.ca))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
        # It has none of its own, which TLS 1.3 tells a client at its first read.
        pytest.raises(ssl.SSLError, match="certificate required"),
    ):
        wrapped.recv(1)


async def test_streams_have_replicas_in_three_zones(cluster: Installation) -> None:
    await provision_as_deployer(cluster, replicas=3)
    zones = {node.name: node.variables["NATS_SERVER_TAG"] for node in cluster.nodes}
    async with await connect(cluster.settings("operator")) as operator:
        for stream in PLAN["streams"]:
            info = (await operator.jetstream.stream_info(stream["name"])).cluster
            assert info is not None
            names = [info.leader, *(replica.name for replica in info.replicas or ())]
            assert len({zones[name or ""] for name in names}) == 3, names


def test_five_replicas_are_more_than_there_are_zones(cluster: Installation) -> None:
    with Raw(cluster, "deployer") as deployer:
        deployer.subscribe("_INBOX.deployer.a.b")
        body = {"name": "DLQ", "subjects": ["dlq.>"], "num_replicas": 5}
        name = "$JS.API.STREAM.UPDATE.DLQ"
        answer = deployer.request(name, body, inbox="_INBOX.deployer.a.b")
        assert "no suitable peers" in answer["error"]["description"]


async def test_calls_and_events_go_on_when_a_node_is_killed(cluster: Installation) -> None:
    settings = Settings(connection=cluster.settings("quest"), health_address=None, grace_period=1.0)
    async with (
        Application(settings) as quests,
        await connect(cluster.settings("operator")) as operator,
    ):
        await quests.serve(QuestService(quests))
        client = QuestServiceClient(operator)
        # Each call writes into a bucket and publishes an event, both with three replicas.
        await client.generate_quest(REQUEST)
        info = (await operator.jetstream.stream_info("GAME_EVENTS")).cluster
        assert info is not None
        assert info.leader
        (victim,) = (node for node in cluster.nodes if node.name == info.leader)
        victim.kill()
        with anyio.fail_after(30):
            for _ in range(20):
                await _once_more(client)
        victim.start()
        await asyncio.to_thread(until, victim.is_healthy, "the node is back")
        await asyncio.to_thread(until, lambda: len(_remotes(victim)) == 4, "its routes are back")


async def _once_more(client: QuestServiceClient) -> None:
    while True:
        try:
            await client.generate_quest(REQUEST, timeout=2.0)
            return
        except StatusError as error:
            if error.code not in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED):
                raise
            await anyio.sleep(0.1)
