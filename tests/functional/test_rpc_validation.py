"""Requests that break a rule of their schema: refused, before a handler sees them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from google.rpc.error_details_pb2 import BadRequest

from bodybroker.quest.v1 import quest_pb2
from bodybroker.quest.v1.quest_nats import QuestServiceClient, QuestServiceServer
from protonats import CallContext, Code, ConfigurationError, StatusError, connect
from protonats._serving import validation
from protonats._serving.instance import Instance
from protonats.testing import EmbeddedNats
from tests.functional.echo import EchoMethods

pytestmark = pytest.mark.anyio


class Quests(QuestServiceServer):
    """Counts what it is asked for."""

    def __init__(self) -> None:
        self.seen = 0

    async def generate_quest(
        self, request: quest_pb2.GenerateQuestRequest, context: CallContext
    ) -> quest_pb2.GenerateQuestResponse:
        self.seen += 1
        return quest_pb2.GenerateQuestResponse()

    async def complete_objective(
        self, request: quest_pb2.CompleteObjectiveRequest, context: CallContext
    ) -> quest_pb2.CompleteObjectiveResponse:
        self.seen += 1
        return quest_pb2.CompleteObjectiveResponse()


@pytest.fixture
def server() -> Quests:
    return Quests()


@pytest.fixture
async def client(nats: EmbeddedNats, server: Quests) -> AsyncIterator[QuestServiceClient]:
    async with await connect(nats.url) as connection:
        instance = Instance(connection, server)
        await instance.start()
        yield QuestServiceClient(connection)
        await instance.drain(1)


@pytest.fixture
def without_protovalidate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "protovalidate", None)
    validation._validator.cache_clear()
    yield
    validation._validator.cache_clear()


async def test_a_valid_request_reaches_its_handler(
    client: QuestServiceClient, server: Quests
) -> None:
    await client.complete_objective(
        quest_pb2.CompleteObjectiveRequest(quest_id="q-1", objective_id="o-1", player_id="ada")
    )
    assert server.seen == 1


async def test_every_broken_rule_is_named_in_the_details(
    client: QuestServiceClient, server: Quests
) -> None:
    broken = quest_pb2.GenerateQuestRequest(player_id="a.b", level=0, tags=["ok", "No"])
    with pytest.raises(StatusError, match=r"player_id: .*; and 1 more") as caught:
        await client.generate_quest(broken)
    assert caught.value.code is Code.INVALID_ARGUMENT
    (details,) = caught.value.details
    assert isinstance(details, BadRequest)
    assert [(one.field, one.reason) for one in details.field_violations] == [
        ("player_id", "string.pattern"),
        ("difficulty", "enum.not_in"),
        ("level", "int32.gte_lte"),
        ("tags[1]", "string.pattern"),
    ]
    assert server.seen == 0


async def test_the_service_goes_on_after_a_refusal(
    client: QuestServiceClient, server: Quests
) -> None:
    for _ in range(3):
        with pytest.raises(StatusError, match="quest_id"):
            await client.complete_objective(quest_pb2.CompleteObjectiveRequest())
    await client.complete_objective(
        quest_pb2.CompleteObjectiveRequest(quest_id="q-1", objective_id="o-1", player_id="ada")
    )
    assert server.seen == 1


async def test_a_schema_with_rules_does_not_start_without_protovalidate(
    nats: EmbeddedNats, without_protovalidate: None
) -> None:
    async with await connect(nats.url) as connection:
        with pytest.raises(ConfigurationError, match=r"pip install 'protonats\[validate\]'"):
            Instance(connection, Quests())


def test_a_schema_without_rules_needs_no_protovalidate(without_protovalidate: None) -> None:
    assert validation.check_of(EchoMethods.say.request) is None


def test_rules_inside_of_repeated_messages_are_found() -> None:
    assert validation.check_of(quest_pb2.GenerateQuestResponse) is not None
