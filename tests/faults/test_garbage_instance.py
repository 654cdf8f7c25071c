"""Garbage on every subject that an instance subscribes to."""

from __future__ import annotations

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._serving.discovery import discovery_subjects
from protonats._wire import headers
from protonats.connection import Connection
from protonats.redis import connect_redis
from protonats.server import CallContext
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.faults.attack import (
    BATCH,
    all_dropped,
    all_kinds_work,
    cancel,
    cancel_all,
    memory,
    settled,
)
from tests.faults.garbage import CALL, Garbage
from tests.functional.echo import dropped, eventually, serving
from tests.functional.raw_nats import RawNats, raw_nats
from tests.functional.raw_streams import announce
from tests.functional.streams import Pair, Responses, Streams, pair, text

pytestmark = pytest.mark.anyio

_METHODS = ("say", "room.hi", "watch", "ingest", "chat")
_REPLIES = ("", "svc.echo.v1.say", "$JS.API.STREAM.PURGE.X", "_INBOX.>", "_INBOX.a..b")
_GROWTH = 32 * 1024 * 1024
_OPENING = {"Pn-Call": CALL, "Pn-Stream": announce(1)}


async def letters(request: StringValue, context: CallContext) -> Responses:
    """As many messages as the request says, or each letter of it."""
    small = request.value in ("0", "1", "2", "3")
    for letter in range(int(request.value)) if small else request.value:
        yield text(letter)


def _reply(garbage: Garbage) -> str:
    return "_INBOX.raw.1.2" if garbage.random.random() < 0.95 else garbage.random.choice(_REPLIES)


def _calls(connection: Connection) -> int:
    """How many calls an instance has counted."""
    return sum(calls.started for calls in connection.metrics._server.values())


async def test_garbage_on_the_methods(nats: EmbeddedNats) -> None:
    """Every message is a call that was counted, or was dropped and counted."""
    garbage, inputs = Garbage(1), 40_000
    async with pair(nats.url, Streams(watch=letters)) as both, raw_nats(nats.url) as raw:
        before = memory()
        for _ in range(inputs // BATCH):
            for _ in range(BATCH):
                raw.publish(
                    f"svc.echo.v1.{garbage.random.choice(_METHODS)}",
                    garbage.body(),
                    reply=_reply(garbage),
                    headers=garbage.block(garbage.call_id(), like=_OPENING),
                )
            await cancel_all(raw, both)
        assert memory() - before < _GROWTH
        assert _calls(both.server) + all_dropped(both.server) == inputs
        await all_kinds_work(both)


async def test_garbage_for_calls_that_run(nats: EmbeddedNats) -> None:
    """Frames and parts, most of them damaged, for streams and large messages that are open."""
    garbage, inputs = Garbage(2), 20_000
    async with pair(nats.url, Streams(watch=letters)) as both, raw_nats(nats.url) as raw:
        before, prefix = memory(), f"svc.echo.v1._i.{both.instance.id}."
        for _ in range(inputs // BATCH):
            call_ids = await _open_calls(raw, both, garbage)
            for _ in range(BATCH):
                call_id = garbage.random.choice(call_ids)
                block = b"" if garbage.random.random() < 0.7 else garbage.block(call_id)
                reply = _reply(garbage) if garbage.random.random() < 0.3 else ""
                raw.publish(prefix + call_id, garbage.body(), reply=reply, headers=block)
            await cancel_all(raw, both)
        assert memory() - before < _GROWTH
        assert dropped(both.server)["unknown_call"] > inputs // 10
        assert "defect" not in dropped(both.server)
        await all_kinds_work(both)


async def test_garbage_for_calls_with_a_key(nats: EmbeddedNats) -> None:
    """Keys, callers and requests that differ, over and over again."""
    garbage, inputs = Garbage(6), 3_000
    like = {"Pn-Call": CALL, "Pn-Idempotency-Key": "k", "Pn-Caller": "someone"}
    with EmbeddedRedis() as server:
        redis = await connect_redis(server.url)
        async with (
            serving(nats.url, Streams(), redis=redis) as (instance, connection),
            raw_nats(nats.url) as raw,
        ):
            for _ in range(inputs // BATCH):
                for _ in range(BATCH):
                    block = garbage.block(garbage.call_id(), like=like)
                    body = garbage.body()
                    raw.publish("svc.echo.v1.say", body, reply="_INBOX.raw.1.2", headers=block)
                await settled(raw, connection)
                await eventually(lambda: not instance.in_flight, timeout=10)
            cancel(raw, list(instance._serving.cancellations._calls))
            await settled(raw, connection)
            assert _calls(connection) + all_dropped(connection) == inputs
            assert b"protonats_server_replayed_total{" in connection.metrics.render()
            call = headers.encode({**like, "Pn-Idempotency-Key": "new"})
            answer = await raw.request("svc.echo.v1.say", b"\n\x02hi", headers=call)
            assert answer.body == b"\n\x02hi"
        await redis.aclose()


async def test_garbage_for_no_call(nats: EmbeddedNats) -> None:
    garbage, inputs = Garbage(3), 5_000
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        for _ in range(inputs):
            subject = f"svc.echo.v1._i.{both.instance.id}.{garbage.call_id()}"
            block = garbage.block(garbage.call_id())
            raw.publish(subject, garbage.body(), reply=_reply(garbage), headers=block)
        await settled(raw, both.server)
        assert all_dropped(both.server) == inputs
        assert set(dropped(both.server)) == {"unknown_call", "malformed"}
        await all_kinds_work(both)


async def test_garbage_on_cancel(nats: EmbeddedNats) -> None:
    """What names a call is remembered, up to ten thousand of them; all else is counted."""
    garbage, inputs = Garbage(4), 20_000
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        before, cancellations = memory(), both.instance._serving.cancellations
        good = 0
        for number in range(inputs):
            call_id = garbage.call_id()
            damaged = number % 2 == 0
            good_block = headers.encode({"Pn-Call": f"01-{call_id}-00000000"})
            block = garbage.block(call_id) if damaged else good_block
            good += not damaged
            raw.publish("svc.echo.v1._cancel", garbage.body(), reply=_reply(garbage), headers=block)
        await settled(raw, both.server)
        assert len(cancellations._remembered) == 10_000
        assert memory() - before < _GROWTH
        assert 0 < all_dropped(both.server) < inputs - good
        await all_kinds_work(both)


async def test_garbage_on_discovery(nats: EmbeddedNats) -> None:
    garbage, inputs = Garbage(5), 3_000
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        instance = both.instance
        subjects = [
            subject
            for verb in ("PING", "INFO", "STATS")
            for subject in discovery_subjects(verb, instance.service.name, instance.id)
        ]
        for _ in range(inputs):
            subject, block = garbage.random.choice(subjects), garbage.block(garbage.call_id())
            raw.publish(subject, garbage.body(), reply=_reply(garbage), headers=block)
        await settled(raw, both.server)
        assert set(dropped(both.server)) == {"malformed", "no_reply", "reply_subject"}
        assert b'"echo"' in (await raw.request(f"$SRV.PING.echo.{instance.id}", b"")).body
        await all_kinds_work(both)


async def _open_calls(raw: RawNats, both: Pair, garbage: Garbage) -> list[str]:
    """Opens streams of all kinds and a large request; returns the ids of their calls."""
    openings = {
        "watch": {"Pn-Stream": announce(1, messages=1)},
        "ingest": {"Pn-Stream": announce()},
        "chat": {"Pn-Stream": announce(messages=4)},
        "say": {"Pn-Part": "00001000-00000000"},
    }
    call_ids = []
    for _ in range(10):
        for method, lines in openings.items():
            call_ids.append(call_id := garbage.call_id())
            block = headers.encode({"Pn-Call": f"01-{call_id}-ffffffff", **lines})
            body = b"" if method in ("ingest", "chat") else text("hello").SerializeToString()
            raw.publish(f"svc.echo.v1.{method}", body, reply="_INBOX.raw.1.2", headers=block)
    await settled(raw, both.server)
    calls = both.instance._serving.follow_ups._calls
    await eventually(lambda: len(calls) == len(call_ids))
    return call_ids
