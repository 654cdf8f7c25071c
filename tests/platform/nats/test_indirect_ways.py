"""Ways around permissions: what somebody else is made to send, to read or to store.

A reply subject is chosen by whoever asks, and NATS has no permission for it. So each way is
followed to its end, and the tests say what stops it: the server, the runtime of whoever gets the
message, or nothing but its content.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager

import anyio
import pytest

from bodybroker.capability_registry.v1.capability_registry_nats import (
    CapabilityRegistryServiceMethods,
)
from bodybroker.payment.v1.payment_nats import PaymentServiceMethods
from protonats.application import Application
from protonats.server import Server
from protonats.settings import Settings
from services.capability_registry.service import CapabilityRegistryService
from services.payment.service import PaymentService
from services.weather_manager.service import WeatherManagerService
from tests.functional.echo import dropped
from tests.platform.nats.installation import Installation
from tests.platform.nats.raw import Raw

pytestmark = pytest.mark.anyio

QUERY = CapabilityRegistryServiceMethods.query.subject
PAY = PaymentServiceMethods.process.subject
HOUR = "evt.time.hour.changed.v1.overworld"
SELECTED = "evt.ai.model.selected.v1.npc"
NEXT = "$JS.API.CONSUMER.MSG.NEXT.SYSTEM_EVENTS.ai_model_selection"
ONE = b'{"batch": 1, "expires": 2000000000}'


@pytest.fixture
def as_user(provisioned: Installation) -> Iterator[Callable[[str], Raw]]:
    """Makes connections of users."""
    with ExitStack() as stack:
        yield lambda user: stack.enter_context(Raw(provisioned, user))


@asynccontextmanager
async def serving(
    installation: Installation, user: str, make: Callable[[Application], Server]
) -> AsyncIterator[Application]:
    """A service as its process serves it."""
    settings = Settings(
        connection=installation.settings(user), health_address=None, grace_period=1.0
    )
    async with Application(settings) as app:
        await app.serve(make(app))
        yield app


async def comes(condition: Callable[[], object]) -> None:
    """Returns when a condition holds."""
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.01)


def stored(operator: Raw, stream: str) -> dict[str, int]:
    """How many messages a stream has, by subject."""
    inbox = f"_INBOX.operator.{'a' * 32}.{'b' * 32}"
    operator.subscribe(inbox)
    body = {"subjects_filter": ">"}
    answer = operator.request(f"$JS.API.STREAM.INFO.{stream}", body, inbox=inbox)
    found: dict[str, int] = answer["state"].get("subjects") or {}
    return found


class TestStoppedByTheServer:
    """What is refused when it is tried."""

    @pytest.mark.parametrize(
        "subject",
        [
            "$JS.API.STREAM.CREATE.MINE",
            "$JS.API.STREAM.UPDATE.GAME_EVENTS",
            "$JS.API.STREAM.PURGE.GAME_EVENTS",
            "$JS.API.CONSUMER.CREATE.GAME_EVENTS",
            "$JS.API.CONSUMER.CREATE.GAME_EVENTS.mine.evt.payment.>",
            "$JS.API.CONSUMER.DURABLE.CREATE.GAME_EVENTS.npc_quest_planner",
        ],
    )
    def test_a_stream_or_consumer_is_created(
        self, as_user: Callable[[str], Raw], subject: str
    ) -> None:
        concrete = subject.replace(">", "x")
        (error,) = as_user("npc_behavior").publish(concrete, b"{}")
        assert error.startswith(f'-ERR \'Permissions Violation for Publish to "{concrete}"')

    def test_a_consumer_delivers_to_a_foreign_subject(self, as_user: Callable[[str], Raw]) -> None:
        config = {"durable_name": "ai_model_selection", "deliver_subject": PAY}
        body = json.dumps({"stream_name": "SYSTEM_EVENTS", "config": config}).encode()
        place = "SYSTEM_EVENTS.ai_model_selection"
        for verb in ("CREATE", "DURABLE.CREATE"):
            assert as_user("ai_integration").publish(f"$JS.API.CONSUMER.{verb}.{place}", body)

    @pytest.mark.parametrize(
        "subject", ["_INBOX.>", "_INBOX.payment.>", "_INBOX.*.a.b", "_INBOX.operator.a.b", "_R_.>"]
    )
    def test_the_inbox_of_another_is_read(
        self, as_user: Callable[[str], Raw], subject: str
    ) -> None:
        with pytest.raises(PermissionError, match="Subscription"):
            as_user("quest").subscribe(subject)

    def test_the_durable_of_another_is_acknowledged_or_read(
        self, as_user: Callable[[str], Raw]
    ) -> None:
        event_bus, quest, ai = map(as_user, ("event_bus", "quest", "ai_integration"))
        ai.subscribe("_INBOX.ai_integration.a.*")
        event_bus.publish(SELECTED, b"", headers="Nats-Msg-Id: acknowledged")
        ai.publish(NEXT, ONE, reply="_INBOX.ai_integration.a.b")
        _, acknowledge, _ = ai.next_message()
        for payload in (b"+ACK", b"+TERM", b"+NXT"):
            assert quest.publish(acknowledge, payload)
        assert quest.publish(NEXT, ONE, reply="_INBOX.quest.a.b")
        assert not ai.publish(acknowledge, b"+ACK")

    def test_a_reply_subject_of_the_servers_own_is_chosen(
        self, as_user: Callable[[str], Raw]
    ) -> None:
        for reply in ("_R_.abcdef.ghijkl", "$JS.ACK.GAME_EVENTS.x.1.2.3.4.5"):
            assert as_user("ai_router").publish(QUERY, b"", reply=reply), reply

    def test_who_serves_a_call_cannot_send_where_its_caller_cannot(
        self, as_user: Callable[[str], Raw]
    ) -> None:
        registry = as_user("capability_registry")
        registry.subscribe(f"{QUERY} q.capability")
        as_user("ai_router").publish(QUERY, b"", reply=PAY)
        _, reply, _ = registry.next_message()
        assert reply == PAY
        assert registry.publish(reply, b"forged")


class TestStoppedByTheRuntime:
    """What the server passes on, and the one who gets it drops."""

    async def test_a_foreign_reply_subject_on_a_request(
        self, provisioned: Installation, as_user: Callable[[str], Raw]
    ) -> None:
        # The server would let this service publish there: it is its own event.
        event = "evt.capability.registered.v1.forged"
        async with serving(
            provisioned, "capability_registry", CapabilityRegistryService
        ) as registry:
            for reply in (event, PAY, "$KV.capabilities.forged"):
                assert not as_user("ai_router").publish(QUERY, b"", reply=reply)
            await comes(lambda: dropped(registry.connection).get("reply_subject") == 3)
        operator = as_user("operator")
        assert not {event, "$KV.capabilities.forged"} & {
            *stored(operator, "SYSTEM_EVENTS"),
            *stored(operator, "KV_capabilities"),
        }

    async def test_a_foreign_reply_subject_on_a_pull(
        self, provisioned: Installation, as_user: Callable[[str], Raw]
    ) -> None:
        ai = as_user("ai_integration")
        async with serving(provisioned, "payment", PaymentService) as payment:
            as_user("event_bus").publish(SELECTED, b"", headers="Nats-Msg-Id: pulled")
            assert not ai.publish(NEXT, ONE, reply=PAY)
            await comes(lambda: dropped(payment.connection) == {"subject": 1})
            # What was not acknowledged is asked for in the other way that a pull can be made.
            ai.subscribe("_INBOX.ai_integration.a.*")
            for name in ("first", "second"):
                as_user("event_bus").publish(SELECTED, b"", headers=f"Nats-Msg-Id: {name}")
            ai.publish(NEXT, ONE, reply="_INBOX.ai_integration.a.b")
            _, acknowledge, _ = ai.next_message()
            assert not ai.publish(acknowledge, b"+NXT", reply=PAY)
            await comes(lambda: dropped(payment.connection) == {"subject": 2})

    async def test_an_answer_of_jetstream_as_a_request(
        self, provisioned: Installation, as_user: Callable[[str], Raw]
    ) -> None:
        async with serving(provisioned, "payment", PaymentService) as payment:
            quest = as_user("quest")
            assert not quest.publish("$KV.quests.a", b"x", reply=PAY)
            assert not quest.publish("$JS.API.STREAM.MSG.GET.KV_quests", b'{"seq":1}', reply=PAY)
            await comes(lambda: dropped(payment.connection) == {"no_reply": 2})


class TestStoppedByContent:
    """What the server passes on and stores: who chooses the way does not choose what is in it."""

    async def test_a_pull_into_another_stream_keeps_the_subject(
        self, as_user: Callable[[str], Raw]
    ) -> None:
        ai, operator = as_user("ai_integration"), as_user("operator")
        as_user("event_bus").publish(SELECTED, b"", headers="Nats-Msg-Id: redirected")
        assert not ai.publish(NEXT, ONE, reply=HOUR)
        await comes(lambda: stored(operator, "GAME_EVENTS").get(SELECTED))
        assert HOUR not in stored(operator, "GAME_EVENTS")

    async def test_an_answer_of_jetstream_as_an_event_becomes_a_dead_letter(
        self, provisioned: Installation, as_user: Callable[[str], Raw]
    ) -> None:
        async with serving(provisioned, "weather_manager", WeatherManagerService):
            assert not as_user("quest").publish("$KV.quests.a", b"x", reply=HOUR)
            operator, letters = as_user("operator"), "dlq.GAME_EVENTS.weather_hours"
            await comes(lambda: stored(operator, "DLQ").get(letters) == 1)

    async def test_an_answer_of_jetstream_as_a_value_is_json(
        self, provisioned: Installation, as_user: Callable[[str], Raw]
    ) -> None:
        operator, key = as_user("operator"), "$KV.payment_ledger.a"
        assert not as_user("quest").publish("$KV.quests.a", b"x", reply=key)
        await comes(lambda: stored(operator, "KV_payment_ledger").get(key))
        settings = Settings(connection=provisioned.settings("payment"), health_address=None)
        async with Application(settings) as payment:
            entry = await (await payment.key_value("payment_ledger")).read("a")
            assert json.loads(entry.value or b"")["stream"] == "KV_quests"
