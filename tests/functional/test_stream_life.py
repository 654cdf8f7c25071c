"""Signs of life on streams, peers that vanish, and connections that break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from protonats._streaming.open_streams import OpenStreams
from protonats._wire import frames, headers
from protonats.errors import Code, StatusError
from protonats.testing import EmbeddedNats
from tests.functional.echo import eventually
from tests.functional.raw_nats import raw_nats
from tests.functional.raw_streams import RawCaller, RawInstance, announce, data
from tests.functional.streams import (
    Held,
    Responses,
    StreamClient,
    Streams,
    code_of,
    each,
    pair,
    text,
    values,
)

pytestmark = pytest.mark.anyio

_INTERVAL = 0.05


@pytest.fixture
async def own_nats() -> AsyncIterator[EmbeddedNats]:
    with EmbeddedNats() as server:
        yield server


async def endless() -> Responses:
    yield text("first")
    await asyncio.Event().wait()


_CALLS: dict[str, Callable[[StreamClient], Awaitable[object]]] = {
    "watch": lambda client: values(client.watch(text(""), timeout=20)),
    "ingest": lambda client: client.ingest(endless(), timeout=20),
    "chat": lambda client: values(client.chat(endless(), timeout=20)),
}


async def test_a_quiet_stream_stays_open_while_nobody_reads(nats: EmbeddedNats) -> None:
    held = Held()
    async with (
        pair(nats.url, held.server(), keepalive_interval=_INTERVAL) as both,
        raw_nats(nats.url) as raw,
    ):
        await raw.subscribe(f"svc.echo.v1._i.{both.instance.id}.*")
        stream = both.client.chat(each("a"))
        assert (await anext(stream)).value == "a"
        # More than three intervals.
        for _ in range(8):
            while (await raw.receive()).body != frames.KEEPALIVE_FRAME:
                pass
        assert both.instance.in_flight == 1
        await stream.aclose()
        await eventually(lambda: held.ended == ["chat"])


async def test_each_side_sends_signs_of_life(nats: EmbeddedNats) -> None:
    held = Held()
    async with (
        pair(nats.url, held.server(), keepalive_interval=_INTERVAL) as both,
        raw_nats(nats.url) as raw,
    ):
        caller = RawCaller(raw)
        await caller.open("chat", header=announce(ms=50))
        for _ in range(3):
            assert (await raw.receive(timeout=1.0)).body == frames.KEEPALIVE_FRAME
            caller.send(frames.KEEPALIVE_FRAME)
        assert both.instance.in_flight == 1


@pytest.mark.parametrize("method", ["chat", "ingest"])
async def test_a_caller_that_vanishes_ends_the_handler(nats: EmbeddedNats, method: str) -> None:
    held = Held()
    async with pair(nats.url, held.server(), keepalive_interval=_INTERVAL) as both:
        async with raw_nats(nats.url) as raw:
            await RawCaller(raw).open(method, header=announce(ms=20))
            await eventually(lambda: held.begun == 1)
        await eventually(lambda: held.ended == [method])
        assert 'code="UNAVAILABLE"' in both.rows("protonats_server_handled_total")[0]


async def test_an_instance_that_is_told_of_silence_says_why(nats: EmbeddedNats) -> None:
    async with (
        pair(nats.url, Held().server(), keepalive_interval=_INTERVAL),
        raw_nats(nats.url) as raw,
    ):
        caller = RawCaller(raw)
        await caller.open("chat", header=announce(ms=20))
        code, message = await caller.status()
    assert (code, "was silent for 0." in message) == (Code.UNAVAILABLE, True)


@pytest.mark.parametrize("method", _CALLS)
async def test_an_instance_that_vanishes_ends_the_call(nats: EmbeddedNats, method: str) -> None:
    async with pair(nats.url, Streams(), keepalive_interval=_INTERVAL) as both:
        await both.instance.drain(0)
        async with raw_nats(nats.url) as raw:
            instance = RawInstance(raw)
            await instance.serve(method)
            call = asyncio.create_task(code_of(_CALLS[method](both.client)))
            await instance.accept(announce(ms=20))
            instance.send(data(1, "a"))
        code, message = await call
        assert (code, "was silent" in message) == (Code.UNAVAILABLE, True)


async def test_an_instance_that_does_not_answer_is_given_up(nats: EmbeddedNats) -> None:
    async with (
        pair(nats.url, Streams(), keepalive_interval=_INTERVAL) as both,
        raw_nats(nats.url) as raw,
    ):
        await both.instance.drain(0)
        instance = RawInstance(raw)
        await instance.serve("watch")
        call = asyncio.create_task(code_of(values(both.client.watch(text("")))))
        await instance.take()
        assert (await call)[0] is Code.UNAVAILABLE
        assert await instance.cancellation() == f"01-{instance.call}-00000000"


async def test_without_an_instance_a_stream_is_unavailable(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both:
        await both.instance.drain(0)
        stream = both.client.watch(text(""), timeout=0.3)
        with pytest.raises(StatusError, match="no instance serves") as error:
            await anext(stream)
    assert (error.value.code, error.value.unhandled) == (Code.UNAVAILABLE, True)


async def test_a_stream_that_was_not_begun_is_opened_again(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        await both.instance.drain(0)
        instance = RawInstance(raw)
        await instance.serve("chat")
        call = asyncio.create_task(values(both.client.chat(each("a", "b"))))
        first = await instance.take()
        refusal = {
            "Nats-Service-Error-Code": "8",
            "Nats-Service-Error": "full",
            "Pn-Unhandled": "1",
        }
        instance.send(b"", headers.encode(refusal))
        second = await instance.accept()
        assert (first.body, first.reply) != (second.body, second.reply)
        assert second.body == first.body == text("a").SerializeToString()
        instance.send(data(1, "done"))
        instance.send(b"", headers.encode({"Pn-End": "1"}))
        assert await call == ["done"]


@pytest.mark.parametrize("method", _CALLS)
async def test_a_broker_that_restarts_ends_streams_on_both_sides_and_new_ones_work(
    own_nats: EmbeddedNats, method: str
) -> None:
    held = Held()
    async with pair(own_nats.url, held.server()) as both:
        call = asyncio.create_task(code_of(_CALLS[method](both.client)))
        await eventually(lambda: held.begun == 1)
        own_nats.kill()
        code, message = await call
        assert (code, "connection to NATS was lost" in message) == (Code.UNAVAILABLE, True)
        await eventually(lambda: held.ended == [method])
        own_nats.start()
        await eventually(lambda: all(item.is_connected for item in both.connections), timeout=20)
        stream = both.client.chat(each("again"))
        assert (await anext(stream)).value == "again"
        await stream.aclose()


async def test_what_came_before_the_connection_broke_can_be_read(own_nats: EmbeddedNats) -> None:
    async with pair(own_nats.url, Held().server()) as both:
        stream = both.client.chat(each(*range(100)))
        await anext(stream)
        await eventually(lambda: len(stream._receiver.queue) == 99)  # type: ignore[attr-defined]
        own_nats.kill()
        await eventually(lambda: not both.client._connection.is_connected)
        assert [(await anext(stream)).value for _ in range(99)] == [*map(str, range(1, 100))]
        assert (await code_of(anext(stream)))[0] is Code.UNAVAILABLE


async def test_a_closed_connection_ends_its_streams(nats: EmbeddedNats) -> None:
    held = Held()
    async with pair(nats.url, held.server()) as both:
        stream = both.client.watch(text(""))
        await anext(stream)
        await both.client._connection.close()
        assert (await code_of(anext(stream)))[0] is Code.UNAVAILABLE
        code, _ = await code_of(anext(both.client.watch(text(""))))
        assert code is Code.UNAVAILABLE
        await both.server.close()
        await eventually(lambda: held.ended == ["watch"])


async def test_a_loop_that_stood_still_blames_nobody() -> None:
    told: list[str] = []

    class Stream:
        def tend(self, now: float) -> None:
            told.append("tend")

        def forgive(self, now: float) -> None:
            told.append("forgive")

        def lose(self, error: StatusError) -> None:
            told.append("lose")

        def leave(self) -> None:
            told.append("leave")

    streams, stream = OpenStreams(0.01), Stream()
    streams.add(stream)
    await eventually(lambda: told[-1:] == ["tend"])
    told.clear()
    loop = asyncio.get_running_loop()
    until = loop.time() + 0.05
    while loop.time() < until:
        pass
    await eventually(lambda: bool(told))
    streams.remove(stream)
    assert told[:2] == ["forgive", "tend"]


class _Tended:
    def __init__(self, told: list[object], error: Exception | None = None) -> None:
        self.told = told
        self.error = error

    def tend(self, now: float) -> None:
        self.told.append(self)
        if self.error is not None:
            raise self.error

    def forgive(self, now: float) -> None: ...

    def lose(self, error: StatusError) -> None: ...

    def leave(self) -> None: ...


async def test_a_stream_that_fails_does_not_silence_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[object] = []
    streams, sound = OpenStreams(0.01), _Tended(told)
    broken = _Tended(told, RuntimeError("as told"))
    streams.add(broken)
    streams.add(sound)
    await eventually(lambda: told.count(sound) >= 3)
    streams.remove(broken)
    streams.remove(sound)
    assert told.count(broken) >= 2
    assert "a stream cannot be kept alive" in caplog.text


async def test_a_caller_that_may_not_follow_up_is_told_at_once() -> None:
    user = '{user: u, password: p, permissions: {publish: {deny: "svc.echo.v1._i.>"}}}'
    with EmbeddedNats(config=f"authorization {{ users: [{user}] }}") as server:
        url = server.url.replace("nats://", "nats://u:p@")
        async with pair(url, Streams()) as both:
            assert await values(both.client.watch(text(3))) == ["0", "1", "2"]
            code, message = await code_of(both.client.ingest(each(1, 2), timeout=60))
            assert (code, "publish to svc.echo.v1._i." in message) == (Code.PERMISSION_DENIED, True)
            # Nobody could tell the instance: here the end of the test does.
            await both.instance.drain(0)
