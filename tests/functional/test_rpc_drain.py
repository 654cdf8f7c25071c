"""The end of an instance: nothing that runs is lost, and nothing is left behind."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._serving.instance import Instance
from protonats.connection import connect
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoClient, calling, eventually, serving
from tests.functional.inner import transport_of
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


class Gate:
    """A handler that waits until it is let through."""

    def __init__(self) -> None:
        self.waiting = 0
        self.open = asyncio.Event()

    async def __call__(self, request: StringValue, context: CallContext) -> StringValue:
        self.waiting += 1
        await self.open.wait()
        return request


async def test_running_calls_are_finished_and_new_ones_go_elsewhere(nats: EmbeddedNats) -> None:
    gate = Gate()
    async with serving(nats.url, Echo(gate)) as (instance, _), calling(nats.url) as client:
        running = [asyncio.create_task(client.say(StringValue(value="x"))) for _ in range(10)]
        await eventually(lambda: gate.waiting == 10)
        draining = asyncio.create_task(instance.drain(grace=5.0))
        await eventually(lambda: not instance.serving)
        async with raw_nats(nats.url) as raw:
            await raw.subscribe("_INBOX.raw.1.1")
            async with asyncio.timeout(5.0):
                while True:
                    raw.publish("svc.echo.v1.say", b"", reply="_INBOX.raw.1.1")
                    # What the instance took just before it unsubscribed waits for the gate.
                    with suppress(TimeoutError):
                        if b"503" in (await raw.receive(timeout=0.1)).headers:
                            break
        assert not draining.done()
        gate.open.set()
        await draining
        assert {answer.value for answer in await asyncio.gather(*running)} == {"x"}


async def test_after_the_grace_period_callers_are_told_to_go_elsewhere(nats: EmbeddedNats) -> None:
    gate = Gate()
    async with serving(nats.url, Echo(gate)) as (instance, _), calling(nats.url) as client:
        running = [asyncio.create_task(client.say(StringValue())) for _ in range(3)]
        await eventually(lambda: gate.waiting == 3)
        await instance.drain(grace=0.05)
        assert instance.in_flight == 0
        results = await asyncio.gather(*running, return_exceptions=True)
    assert {getattr(result, "code", None) for result in results} == {Code.UNAVAILABLE}


async def test_a_handler_that_never_ends_does_not_keep_the_process(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    release = asyncio.Event()

    async def stubborn(request: StringValue, context: CallContext) -> StringValue:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return request

    async with serving(nats.url, Echo(stubborn)) as (instance, _), calling(nats.url) as client:
        call = asyncio.create_task(client.say(StringValue()))
        await eventually(lambda: instance.in_flight == 1)
        with caplog.at_level(logging.ERROR, "protonats"):
            await instance.drain(grace=0)
        assert "1 handlers of echo go on although they were cancelled" in caplog.text
        with pytest.raises(StatusError, match="the instance stops"):
            await call
        release.set()
        await eventually(lambda: instance.in_flight == 0)


async def test_handlers_can_call_others_while_their_instance_drains(nats: EmbeddedNats) -> None:
    gate = Gate()
    inner = Echo()
    async with serving(nats.url, inner), calling(nats.url) as client:
        connection = await connect(nats.url)
        nested = EchoClient(connection)

        async def forward(request: StringValue, context: CallContext) -> StringValue:
            await gate(request, context)
            return await nested.say(StringValue(value="from inside"))

        outer = Instance(connection, Echo(forward))
        await outer.start()
        running = []
        while gate.waiting < 3:
            running.append(asyncio.create_task(client.say(StringValue())))
            await asyncio.wait(running, timeout=0.05)
        draining = asyncio.create_task(outer.drain(grace=5.0))
        await eventually(lambda: not outer.serving)
        gate.open.set()
        await draining
        await connection.drain()
        values = [answer.value for answer in await asyncio.gather(*running)]
    assert values.count("from inside") == 3


async def test_draining_twice_is_allowed(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()) as (instance, _):
        await asyncio.gather(instance.drain(1.0), instance.drain(1.0))


async def test_nothing_is_left_behind(nats: EmbeddedNats) -> None:
    async def some_fail(request: StringValue, context: CallContext) -> StringValue:
        if request.value == "fail":
            raise ValueError
        if request.value == "wait":
            await asyncio.Event().wait()
        return request

    before = asyncio.all_tasks()
    async with serving(nats.url, Echo(some_fail)) as (instance, connection):
        async with calling(nats.url) as client:
            calls = [
                client.say(StringValue(value=value), timeout=0.1)
                for value in ("fine", "fail", "wait") * 30
            ]
            await asyncio.gather(*calls, return_exceptions=True)
            assert len(client._connection._calls) == 0
        async with calling(nats.url) as client:
            cancelled = asyncio.create_task(client.say(StringValue(value="wait")))
            await eventually(lambda: instance.in_flight == 1)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            assert len(client._connection._calls) == 0
            await eventually(lambda: instance.in_flight == 0)
        assert instance._serving.cancellations._calls == {}
        # Its five methods, discovery, its own subject and the cancellations, and the inbox.
        assert len(transport_of(connection)._subscriptions) == 5 + 9 + 2 + 1
        await instance.drain(grace=1.0)
        assert transport_of(connection)._subscriptions == {connection._inbox}
    await eventually(lambda: asyncio.all_tasks() == before)
