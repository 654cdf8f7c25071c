"""Faults in the platform of one process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given, settings
from hypothesis import strategies as st

import protonats
from protonats.server import CallContext
from protonats.testing import Clock, Faults, LocalPlatform
from tests.functional.echo import Echo, EchoClient
from tests.functional.talk import Talk, read, text, texts


def run(test: Callable[[Clock], object]) -> None:
    """Runs a test in time of its own, which moves by itself."""
    clock = Clock(automatic=True)
    with asyncio.Runner(loop_factory=clock.new_loop) as runner:
        runner.run(test(clock))  # type: ignore[arg-type]


def test_latency_is_paid_each_way() -> None:
    async def test(clock: Clock) -> None:
        async with LocalPlatform(Talk()) as platform:
            platform.faults.latency = 0.25
            begin = clock.now
            await EchoClient(platform.connection).say(text("hello"))
            assert clock.now - begin == pytest.approx(0.5)

    run(test)


def test_jitter_leaves_the_order_as_it_is() -> None:
    async def test(clock: Clock) -> None:
        faults = Faults(latency=0.01, jitter=0.1)
        async with LocalPlatform(Talk(), faults=faults) as platform:
            answers = await read(EchoClient(platform.connection).chat(texts("abcdefgh")))
            assert answers == [f"{letter}!" for letter in "abcdefgh"]

    run(test)


def test_what_is_lost_is_missed_at_the_deadline() -> None:
    async def test(clock: Clock) -> None:
        async with LocalPlatform(Talk()) as platform:
            platform.faults.loss = lambda subject: subject == "svc.echo.v1.say"
            client = EchoClient(platform.connection)
            with pytest.raises(protonats.StatusError) as failure:
                await client.say(text("hello"), timeout=2)
            assert failure.value.code is protonats.Code.DEADLINE_EXCEEDED
            assert (await client.room(text("kitchen")))["room"] == "kitchen"
            platform.faults.heal()
            assert await client.say(text("hello")) == text("hello")

    run(test)


def test_faults_may_concern_some_subjects_alone() -> None:
    async def test(clock: Clock) -> None:
        async with LocalPlatform(Talk()) as platform:
            platform.faults.latency, platform.faults.subjects = 60.0, "svc.echo.v1.room.*"
            client = EchoClient(platform.connection)
            begin = clock.now
            slow = asyncio.create_task(client.room(text("kitchen"), timeout=100))
            await asyncio.sleep(0)
            await client.say(text("hello"))
            assert clock.now == pytest.approx(begin, abs=1e-3)
            await slow
            assert clock.now == pytest.approx(begin + 60, abs=1e-3)

    run(test)


def test_a_message_may_come_twice() -> None:
    async def test(clock: Clock) -> None:
        echo = Echo()
        async with LocalPlatform(echo) as platform:
            platform.faults.duplication = 1.0
            assert await EchoClient(platform.connection).say(text("hello")) == text("hello")
            await asyncio.sleep(1)
        assert len(echo.contexts) == 2

    run(test)


def test_a_stream_that_is_out_of_order_ends_with_a_status() -> None:
    async def test(clock: Clock) -> None:
        async with LocalPlatform(Talk()) as platform:
            sent: list[str] = []

            async def requests() -> AsyncIterator[StringValue]:
                for letter in "abcdefgh":
                    sent.append(letter)
                    yield text(letter)
                    await asyncio.sleep(0.001)

            client = EchoClient(platform.connection)
            answers = client.chat(requests())
            assert (await anext(answers)).value == "a!"
            platform.faults.reordering = 0.5
            with pytest.raises(protonats.StatusError) as failure:
                await read(answers)
            assert failure.value.code is protonats.Code.DATA_LOSS

    run(test)


def test_the_same_seed_gives_the_same_faults() -> None:
    def fates(seed: int) -> list[object]:
        faults = Faults(jitter=1.0, loss=0.3, duplication=0.3, reordering=0.3, seed=seed)
        return [tuple(faults.fate("a.b")) for _ in range(50)]

    assert fates(1) == fates(1)
    assert fates(1) != fates(2)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("latency", -1, "write seconds, 0 or more"),
        ("jitter", float("inf"), "write seconds, 0 or more"),
        ("loss", 1.5, "write a probability, 0 to 1"),
        ("duplication", -0.1, "write a probability, 0 to 1"),
        ("reordering", 2, "write a probability, 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused(name: str, value: float, reason: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}: {reason}"):
        Faults(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=reason):
        setattr(Faults(), name, value)


class Doubtful(Talk):
    """Takes its time now and then."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.handler = self.think

    async def think(self, request: StringValue, context: CallContext) -> StringValue:
        await asyncio.sleep(self.chance.choice([0, 0, 0.05, 1]))
        return request


async def call_at_random(client: EchoClient, chance: random.Random) -> str:
    """Makes one call of some kind, and tells how it ended."""
    kind = chance.choice(["say", "room", "watch", "ingest", "chat", "give up", "large"])
    word = "".join(chance.choices("abcdef", k=chance.randint(1, 20)))
    await asyncio.sleep(chance.random())
    try:
        if kind == "say":
            assert await client.say(text(word), timeout=2) == text(word)
        elif kind == "room":
            assert (await client.room(text(word), timeout=2))["room"] == word
        elif kind == "watch":
            assert await read(client.watch(text(word))) == list(word)
        elif kind == "ingest":
            assert await client.ingest(texts(word)) == text(word)
        elif kind == "chat":
            assert await read(client.chat(texts(word))) == [f"{letter}!" for letter in word]
        elif kind == "large":
            assert await client.say(text(word * 1000), timeout=2) == text(word * 1000)
        else:
            async with asyncio.timeout(chance.random() / 10):
                await client.say(text(word))
    except protonats.StatusError as error:
        return error.code.name
    except TimeoutError:
        return "given up"
    return "answered"


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    latency=st.sampled_from([0.0, 0.02]),
    loss=st.sampled_from([0.0, 0.02, 0.2]),
    duplication=st.sampled_from([0.0, 0.1]),
    reordering=st.sampled_from([0.0, 0.1]),
    cuts=st.integers(0, 2),
)
def test_whatever_happens_every_call_ends_and_nothing_is_left(
    seed: int, latency: float, loss: float, duplication: float, reordering: float, cuts: int
) -> None:
    async def test(clock: Clock) -> None:
        chance = random.Random(seed)
        before = asyncio.all_tasks()
        async with LocalPlatform(Doubtful(chance), Doubtful(chance), max_payload=4096) as platform:
            faults = platform.faults
            faults.latency, faults.jitter = latency, latency / 2
            faults.loss, faults.duplication, faults.reordering = loss, duplication, reordering
            client = EchoClient(platform.connection)
            calls = [asyncio.create_task(call_at_random(client, chance)) for _ in range(40)]
            for _ in range(cuts):
                await asyncio.sleep(chance.random())
                platform.disconnect()
                await asyncio.sleep(chance.random() / 10)
                platform.reconnect()
            async with asyncio.timeout(120):
                ends = await asyncio.gather(*calls)
            if not (latency or loss or duplication or reordering or cuts):
                assert set(ends) <= {"answered", "given up", "DEADLINE_EXCEEDED"}
            faults.heal()
            # Handlers of calls whose cancellation was lost go on to their deadline, and a circuit
            # breaker that is open lets a call through after a while.
            await asyncio.sleep(60)
            assert await client.say(text("still there"), timeout=60) == text("still there")
            await asyncio.sleep(1)
            assert len(platform.connection._calls) == 0
            assert len(platform.connection._streams) == 0
            for application in platform.applications:
                assert [instance.in_flight for instance in application.instances] == [0]
                assert len(application.connection._streams) == 0
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == before

    run(test)


def test_a_fault_that_does_not_exist_is_no_fault() -> None:
    faults = Faults()
    with pytest.raises(AttributeError, match="there is no fault 'latancy': did you mean 'latency'"):
        faults.latancy = 0.1
    with pytest.raises(AttributeError, match="'delay': write latency, jitter, loss, duplication, "):
        faults.delay = 0.1
    with pytest.raises(TypeError, match="latancy"):
        Faults(latancy=0.1)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["latency", "jitter", "duplication", "reordering", "loss"])
def test_a_fault_is_a_number(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is 'much': write a number"):
        setattr(Faults(), name, "much")
    with pytest.raises(TypeError, match="subjects is 3: write a subject"):
        Faults(subjects=3)  # type: ignore[arg-type]
