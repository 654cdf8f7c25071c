"""All services of the platform beside each other, each as its own user: what the runtime does for
them is all allowed."""

from __future__ import annotations

import importlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest

from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1.npc_behavior_nats import NpcBehaviorServiceEvents
from bodybroker.quest.v1 import quest_pb2
from bodybroker.quest.v1.quest_nats import QuestServiceClient
from protonats.application import Application
from protonats.connection import connect
from protonats.settings import Settings
from protonats.testing import EmbeddedRedis
from tests.platform.nats.installation import GENERATED, PLAN, Installation, accounts
from tests.platform.nats.raw import Raw
from tests.platform.nats.table import Table

pytestmark = pytest.mark.anyio

SERVICES = json.loads((GENERATED / "services.json").read_text())["services"]
ANSWERS = f"_INBOX.operator.{32 * 'a'}"


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@asynccontextmanager
async def platform(
    installation: Installation, redis: EmbeddedRedis
) -> AsyncIterator[dict[str, Application]]:
    """All services, as their processes serve them, by user."""
    users = {
        user["service"]: user["name"]
        for account in accounts()
        for user in account["users"]
        if user["service"]
    }
    apps: dict[str, Application] = {}
    async with AsyncExitStack() as stack:
        for service in SERVICES:
            user = users[service["full_name"]]
            module, _, name = service["target"].partition(":")
            settings = Settings(
                connection=installation.settings(user),
                redis_url=redis.url,
                health_address=None,
                grace_period=1.0,
            )
            app = apps[user] = await stack.enter_async_context(Application(settings))
            await app.serve(getattr(importlib.import_module(module), name)(app))
        yield apps


async def test_what_the_services_need_is_allowed(
    provisioned: Installation, redis: EmbeddedRedis
) -> None:
    async with platform(provisioned, redis) as apps:
        assert len(apps) == 22
        with Raw(provisioned, "operator") as operator, Raw(provisioned, "event_bus") as bus:
            operator.subscribe(f"{ANSWERS}.*")
            await discovered(operator)
            await answered(operator)
            await buckets_are_used(apps)
            await dead_letters_are_buried(operator, bus)
        await a_quest_is_planned(provisioned)
    log = provisioned.nodes[0].log.read_text()
    assert not [line for line in log.splitlines() if "Violation" in line]


async def discovered(operator: Raw) -> None:
    """Each instance answers to discovery."""
    operator.publish("$SRV.PING", b"", reply=f"{ANSWERS}.ping")
    names = {json.loads(body)["name"] for _, _, body in await messages(operator, 22)}
    assert len(names) == 22


async def answered(operator: Raw) -> None:
    """Each method answers, with whatever status."""
    subjects = [
        probe.subject
        for probe in Table().allowed
        if (probe.kind, probe.verb) == ("methods", "publish")
    ]
    for index, subject in enumerate(subjects):
        operator.publish(subject, b"", reply=f"{ANSWERS}.{index}")
    found = await messages(operator, len(subjects))
    assert len({subject for subject, _, _ in found}) == len(subjects)


async def buckets_are_used(apps: dict[str, Application]) -> None:
    """Each bucket is read and written by its service."""
    for bucket in PLAN["buckets"]:
        store = await apps[bucket["service"]].key_value(bucket["name"])
        entry = await store.read("a.b")
        assert await store.write("a.b", b"1", after=entry.revision)


async def dead_letters_are_buried(operator: Raw, bus: Raw) -> None:
    """Each consumer is handed an event that nobody can read, and gets rid of it."""
    for consumer in PLAN["consumers"]:
        subject = consumer["filter_subjects"][0].replace("*", "key")
        bus.publish(subject, b"\xff", headers=f"Nats-Msg-Id: {subject}")
    wanted = {f"dlq.{one['stream']}.{one['durable']}" for one in PLAN["consumers"]}

    def buried() -> bool:
        body: dict[str, Any] = {"subjects_filter": ">"}
        answer = operator.request("$JS.API.STREAM.INFO.DLQ", body, inbox=f"{ANSWERS}.letters")
        return wanted <= set(answer["state"].get("subjects") or ())

    with anyio.fail_after(20):
        while not buried():  # noqa: ASYNC110
            await anyio.sleep(0.05)


async def a_quest_is_planned(installation: Installation) -> None:
    """A call of the operator, an event of one service, and what another one makes of it."""
    subject = f"{NpcBehaviorServiceEvents.npc_behavior_planned.subject}.harbour-master"
    async with await connect(installation.settings("operator")) as operator:
        request = quest_pb2.GenerateQuestRequest(
            player_id="ada",
            difficulty=common_pb2.DIFFICULTY_HARD,
            level=10,
            theme=quest_pb2.QUEST_THEME_DELIVERY,
            giver_npc_id="harbour-master",
        )
        answer = await QuestServiceClient(operator).generate_quest(request)
        assert answer.quest.quest_id
        with anyio.fail_after(20):
            while True:
                info = await operator.jetstream.stream_info("GAME_EVENTS", subjects_filter=subject)
                if info.state.subjects:
                    return
                await anyio.sleep(0.05)


async def messages(operator: Raw, count: int) -> list[tuple[str, str, bytes]]:
    """The next messages that come."""
    found: list[tuple[str, str, bytes]] = []
    with anyio.fail_after(20):
        while len(found) < count:
            operator.settled()
            found += operator.messages
            operator.messages.clear()
            await anyio.sleep(0.01)
    return found
