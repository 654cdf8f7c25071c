"""The quest service: called through its client, with a real bucket and a real stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2
from bodybroker.quest.v1.quest_nats import QuestServiceClient, QuestServiceEvents
from protonats import Code, Connection, StatusError, connect
from protonats.testing import EmbeddedNats
from services.quest.generator import quest_id
from services.quest.service import QuestService
from services.quest.store import QuestStore
from tests.services.platform import Events, serving

pytestmark = pytest.mark.anyio

GENERATED = QuestServiceEvents.quest_generated
COMPLETED = QuestServiceEvents.quest_completed


@pytest.fixture
async def service(nats: EmbeddedNats) -> AsyncIterator[QuestService]:
    async with serving(QuestService, nats.url) as service:
        yield service


@pytest.fixture
def quests(service: QuestService, connection: Connection) -> QuestServiceClient:
    return QuestServiceClient(connection)


def request(player_id: str, *, seed: int | None = 5) -> quest_pb2.GenerateQuestRequest:
    return quest_pb2.GenerateQuestRequest(
        player_id=player_id,
        seed=seed,
        difficulty=common_pb2.DIFFICULTY_HARD,
        level=10,
        theme=quest_pb2.QUEST_THEME_INVESTIGATION,
        giver_npc_id="npc_mayor",
    )


async def generate(quests: QuestServiceClient, player_id: str) -> quest_pb2.Quest:
    return (await quests.generate_quest(request(player_id))).quest


async def complete(
    quests: QuestServiceClient, quest: quest_pb2.Quest, objective_id: str
) -> quest_pb2.CompleteObjectiveResponse:
    return await quests.complete_objective(
        quest_pb2.CompleteObjectiveRequest(
            quest_id=quest.quest_id, objective_id=objective_id, player_id=quest.player_id
        )
    )


async def test_a_generated_quest_is_announced(quests: QuestServiceClient, events: Events) -> None:
    quest = await generate(quests, "announced")

    assert await events.count(GENERATED, quest.quest_id) == 1
    event = await events.last(GENERATED, quest.quest_id)
    assert event.player_id == "announced"
    assert event.objectives == quest.objectives
    assert event.occurred_at == quest.created_at
    assert (event.title, event.seed, event.giver_npc_id) == (quest.title, 5, "npc_mayor")


async def test_an_equal_request_returns_the_same_quest_and_announces_nothing(
    quests: QuestServiceClient, events: Events
) -> None:
    quest = await generate(quests, "equal")
    await complete(quests, quest, quest.objectives[0].objective_id)

    again = await generate(quests, "equal")

    assert again.quest_id == quest.quest_id
    assert again.created_at == quest.created_at
    assert again.objectives[0].HasField("completed_at")
    assert await events.count(GENERATED, quest.quest_id) == 1


async def test_equal_requests_at_the_same_time_make_one_quest(
    nats: EmbeddedNats, quests: QuestServiceClient, events: Events
) -> None:
    async with serving(QuestService, nats.url):
        made = await asyncio.gather(*(generate(quests, "together") for _ in range(20)))

    assert len({quest.SerializeToString(deterministic=True) for quest in made}) == 1
    assert await events.count(GENERATED, made[0].quest_id) == 1


async def test_without_a_seed_each_call_draws_one(quests: QuestServiceClient) -> None:
    one, other = [
        (await quests.generate_quest(request("drawn", seed=None))).quest for _ in range(2)
    ]

    assert one.quest_id != other.quest_id
    repeated = (await quests.generate_quest(request("drawn", seed=one.seed))).quest
    assert repeated == one


async def test_a_seed_of_zero_is_a_seed(quests: QuestServiceClient) -> None:
    one, other = [(await quests.generate_quest(request("zero", seed=0))).quest for _ in range(2)]

    assert one.seed == 0
    assert one == other


async def test_the_last_required_objective_completes_the_quest_once(
    quests: QuestServiceClient, events: Events
) -> None:
    quest = await generate(quests, "finisher")
    *others, last = [objective.objective_id for objective in quest.objectives]
    for objective_id in others:
        answer = await complete(quests, quest, objective_id)
        assert not answer.quest_completed
        assert not answer.rewards
    assert await events.count(COMPLETED, quest.quest_id) == 0

    answer = await complete(quests, quest, last)

    assert answer.quest_completed
    assert answer.rewards == quest.rewards
    assert answer.quest.status == quest_pb2.QUEST_STATUS_COMPLETED
    event = await events.last(COMPLETED, quest.quest_id)
    assert event.rewards == quest.rewards
    assert event.generated_at == quest.created_at
    assert event.occurred_at == answer.quest.completed_at

    repeated = await complete(quests, quest, last)
    assert not repeated.quest_completed
    assert not repeated.rewards
    assert repeated.quest == answer.quest
    assert await events.count(COMPLETED, quest.quest_id) == 1


async def test_of_calls_that_collide_one_completes_the_quest(
    nats: EmbeddedNats, quests: QuestServiceClient, events: Events
) -> None:
    quest = await generate(quests, "collision")
    *others, last = [objective.objective_id for objective in quest.objectives]
    for objective_id in others:
        await complete(quests, quest, objective_id)

    async with serving(QuestService, nats.url):
        answers = await asyncio.gather(
            *(complete(quests, quest, last) for _ in range(20)), return_exceptions=True
        )

    completed = 0
    for answer in answers:
        if isinstance(answer, quest_pb2.CompleteObjectiveResponse):
            completed += answer.quest_completed
        else:
            assert isinstance(answer, StatusError)
            assert answer.code is Code.ABORTED
    assert completed == 1
    assert await events.count(COMPLETED, quest.quest_id) == 1


async def test_a_call_that_loses_every_time_is_aborted(
    service: QuestService, quests: QuestServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    quest = await generate(quests, "loser")

    async def lose(self: QuestStore, quest: quest_pb2.Quest, *, revision: int) -> bool:
        return False

    monkeypatch.setattr(QuestStore, "replace", lose)
    with pytest.raises(StatusError, match="try again") as raised:
        await complete(quests, quest, quest.objectives[0].objective_id)
    assert raised.value.code is Code.ABORTED


async def test_errors_of_complete_objective(quests: QuestServiceClient) -> None:
    quest = await generate(quests, "errors")
    last = quest.objectives[-1].objective_id

    with pytest.raises(StatusError, match="comes after") as raised:
        await complete(quests, quest, last)
    assert raised.value.code is Code.FAILED_PRECONDITION

    with pytest.raises(StatusError) as raised:
        await complete(quests, quest, "no-such-objective")
    assert raised.value.code is Code.NOT_FOUND

    stranger = quest_pb2.Quest(quest_id=quest.quest_id, player_id="stranger")
    with pytest.raises(StatusError) as raised:
        await complete(quests, stranger, last)
    assert raised.value.code is Code.NOT_FOUND

    nothing = quest_pb2.Quest(quest_id="quest-none", player_id="errors")
    with pytest.raises(StatusError, match="player errors has no quest quest-none") as raised:
        await complete(quests, nothing, last)
    assert raised.value.code is Code.NOT_FOUND

    for broken in ("", "a.b", "a b", "*"):
        with pytest.raises(StatusError, match="objective_id: ") as raised:
            await complete(quests, quest, broken)
        assert raised.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda r: r.ClearField("player_id"), "player_id: "),
        (lambda r: setattr(r, "player_id", "a.b"), "player_id: "),
        (lambda r: r.ClearField("difficulty"), "difficulty: "),
        (lambda r: setattr(r, "difficulty", 77), "difficulty: "),
        (lambda r: setattr(r, "level", 0), "level: "),
        (lambda r: setattr(r, "level", 1001), "level: "),
        (lambda r: setattr(r, "theme", 99), "theme: "),
        (lambda r: r.tags.append("No"), "tags["),
        (lambda r: r.tags.extend(["a", "a"]), "tags: repeated value must contain unique items"),
        (lambda r: r.location.SetInParent(), "location.world_id: "),
        (lambda r: setattr(r, "giver_npc_id", "x" * 65), "giver_npc_id: "),
    ],
)
async def test_a_request_that_breaks_a_rule_is_refused(
    quests: QuestServiceClient,
    change: Callable[[quest_pb2.GenerateQuestRequest], object],
    text: str,
) -> None:
    broken = request("broken")
    change(broken)
    with pytest.raises(StatusError) as raised:
        await quests.generate_quest(broken)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert text in raised.value.message


async def test_a_level_too_low_for_the_difficulty(quests: QuestServiceClient) -> None:
    low = request("beginner")
    low.level = 1
    with pytest.raises(StatusError, match="no HARD quest fits level 1") as raised:
        await quests.generate_quest(low)
    assert raised.value.code is Code.FAILED_PRECONDITION


class FailsOnce:
    """Fails the first time, as a stream without a leader does."""

    def __init__(self, publish: Callable[..., Awaitable[object]]) -> None:
        self._publish = publish
        self._failed = False

    async def __call__(self, *arguments: object, **named: object) -> object:
        if not self._failed:
            self._failed = True
            raise StatusError(Code.UNAVAILABLE, "no leader")
        return await self._publish(*arguments, **named)


async def test_a_repeated_call_publishes_what_a_failed_one_did_not(
    service: QuestService,
    quests: QuestServiceClient,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher = service._publisher
    for name in ("publish_quest_generated", "publish_quest_completed"):
        monkeypatch.setattr(publisher, name, FailsOnce(getattr(publisher, name)))

    with pytest.raises(StatusError, match="no leader"):
        await generate(quests, "unlucky")
    assert await events.count(GENERATED, quest_id(request("unlucky"), 5)) == 0
    quest = await generate(quests, "unlucky")
    assert await events.count(GENERATED, quest.quest_id) == 1

    *others, last = [objective.objective_id for objective in quest.objectives]
    for objective_id in others:
        await complete(quests, quest, objective_id)
    # This method is idempotent, so the client repeats the call by itself.
    answer = await complete(quests, quest, last)
    assert not answer.quest_completed
    assert await events.count(COMPLETED, quest.quest_id) == 1


async def test_a_repeated_call_publishes_nothing_even_if_the_stream_would_take_it(
    service: QuestService, quests: QuestServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    quest = await generate(quests, "late")
    for objective in quest.objectives:
        await complete(quests, quest, objective.objective_id)

    async def refuse(*arguments: object, **named: object) -> None:
        raise StatusError(Code.FAILED_PRECONDITION, "published again")

    monkeypatch.setattr(service._publisher, "publish_quest_generated", refuse)
    monkeypatch.setattr(service._publisher, "publish_quest_completed", refuse)

    await generate(quests, "late")
    for objective in quest.objectives:
        await complete(quests, quest, objective.objective_id)


async def test_a_quest_survives_its_service(nats: EmbeddedNats, connection: Connection) -> None:
    quests = QuestServiceClient(connection)
    async with serving(QuestService, nats.url):
        quest = await generate(quests, "survivor")
        await complete(quests, quest, quest.objectives[0].objective_id)
    async with serving(QuestService, nats.url):
        assert (await generate(quests, "survivor")).objectives[0].HasField("completed_at")


async def test_without_its_bucket_the_service_does_not_start() -> None:
    with EmbeddedNats(jetstream=True) as empty:
        async with await connect(empty.url):
            with pytest.raises(StatusError, match="no key-value bucket quests: create it with"):
                async with serving(QuestService, empty.url):
                    pass
