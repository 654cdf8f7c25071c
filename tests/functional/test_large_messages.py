"""Unary calls whose messages are larger than what one NATS message takes."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats._serving.held import Held
from protonats._serving.instance import Instance
from protonats._wire import headers, parts, status
from protonats.connection import Connection, connect
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoClient, eventually
from tests.functional.raw_nats import RawMessage, RawNats, raw_nats

pytestmark = pytest.mark.anyio

CALL = "00112233445566778899aabbccddeeff"
SAY = "svc.echo.v1.say"


@pytest.fixture(scope="module")
def small_nats() -> Iterator[EmbeddedNats]:
    """A server that takes messages of 16 KiB."""
    with EmbeddedNats(config="max_payload: 16KB") as server:
        yield server


@asynccontextmanager
async def pair(
    url: str, echo: Echo, max_message_size: int = 64 * 1024 * 1024
) -> AsyncIterator[tuple[Instance, EchoClient, Connection]]:
    """An instance and a client, each on a connection of its own."""
    common = ConnectionSettings(servers=(url,), max_message_size=max_message_size)
    async with (
        await connect(replace(common, name="echo")) as serving,
        await connect(replace(common, name="caller")) as calling,
    ):
        instance = Instance(serving, echo)
        await instance.start()
        try:
            yield instance, EchoClient(calling), calling
        finally:
            await instance.drain(grace=5.0)


def text(size: int) -> StringValue:
    """A message of about this size, no two parts of which are equal."""
    return StringValue(value="".join(f"{number:08d}" for number in range(size // 8)))


@pytest.mark.parametrize("size", [15_000, 16_384, 17_000, 100_000, 3_000_000])
async def test_large_requests_and_responses_arrive_whole(
    small_nats: EmbeddedNats, size: int
) -> None:
    async with pair(small_nats.url, Echo()) as (instance, client, _):
        info = protonats.CallInfo()
        assert await client.say(text(size), info=info) == text(size)
        assert len(instance._serving.large) == 0
        if size > 16_384:
            assert info.instance == instance.id


async def test_nothing_of_a_large_call_waits_for_the_garbage_collector(
    small_nats: EmbeddedNats,
) -> None:
    async with pair(small_nats.url, Echo()) as (_, client, _):
        gc.collect()
        gc.disable()
        try:
            await client.say(text(100_000))
            assert not [one for one in gc.get_objects() if isinstance(one, Held)]
        finally:
            gc.enable()


async def test_several_large_calls_run_at_once(small_nats: EmbeddedNats) -> None:
    async with pair(small_nats.url, Echo()) as (_, client, _):
        requests = [text(200_000 + 8 * number) for number in range(8)]
        assert await asyncio.gather(*map(client.say, requests)) == requests


async def test_large_messages_carry_metadata_both_ways(small_nats: EmbeddedNats) -> None:
    async def answer(request: StringValue, context: CallContext) -> StringValue:
        context.response_metadata["cost"] = context.metadata["budget"]
        return request

    async with pair(small_nats.url, Echo(answer)) as (_, client, _):
        info = protonats.CallInfo()
        await client.say(text(50_000), metadata={"budget": "7"}, info=info)
        assert info.metadata == {"cost": "7"}


async def test_more_than_the_limit_is_refused_before_anything_is_sent(
    small_nats: EmbeddedNats,
) -> None:
    async with (
        pair(small_nats.url, Echo(), max_message_size=50_000) as (_, client, _),
        raw_nats(small_nats.url) as tap,
    ):
        await tap.subscribe("svc.echo.>")
        with pytest.raises(StatusError, match=r"50000 are allowed") as raised:
            await client.say(text(60_000))
        assert raised.value.code is Code.RESOURCE_EXHAUSTED
        await client.say(StringValue(value="next"))
        assert b"next" in (await tap.receive()).body


async def test_a_response_above_the_limit_is_refused_by_the_instance(
    small_nats: EmbeddedNats,
) -> None:
    async def large(request: StringValue, context: CallContext) -> StringValue:
        return text(60_000)

    async with pair(small_nats.url, Echo(large), max_message_size=50_000) as (_, client, _):
        with pytest.raises(StatusError, match="the response has") as raised:
            await client.say(StringValue())
        assert raised.value.code is Code.RESOURCE_EXHAUSTED


async def test_an_announced_length_above_the_limit_is_refused(small_nats: EmbeddedNats) -> None:
    async with (
        pair(small_nats.url, Echo(), max_message_size=50_000) as (instance, _, _),
        raw_nats(small_nats.url) as raw,
    ):
        answer = await ask(raw, SAY, b"x" * 100, part=(50_001, 0))
        assert code_of(answer) is Code.RESOURCE_EXHAUSTED
        assert len(instance._serving.large) == 0


async def test_a_missing_part_is_data_loss_and_ends_the_call(small_nats: EmbeddedNats) -> None:
    echo = Echo()
    async with pair(small_nats.url, echo) as (instance, _, _), raw_nats(small_nats.url) as raw:
        go_on = await ask(raw, SAY, b"x" * 100, part=(300, 0))
        lines = headers.decode(go_on.headers).lines
        assert lines == {
            parts.INSTANCE: instance.id,
            parts.PART: parts.encode_part(300, 100),
        }
        rest = f"svc.echo.v1._i.{instance.id}.{CALL}"
        assert code_of(await ask(raw, rest, b"x" * 100, part=(300, 200))) is Code.DATA_LOSS
        assert code_of(await ask(raw, rest, b"x" * 100, part=(300, 100))) is Code.DATA_LOSS
        assert len(instance._serving.large) == 0
        assert echo.contexts == []


@pytest.mark.parametrize(
    ("body", "part"),
    [(b"x" * 100, (300, 100)), (b"x" * 100, (100, 0)), (b"", (100, 0)), (b"x" * 9, (4, 0))],
)
async def test_what_is_no_first_part_is_refused(
    small_nats: EmbeddedNats, body: bytes, part: tuple[int, int]
) -> None:
    async with pair(small_nats.url, Echo()) as (instance, _, _), raw_nats(small_nats.url) as raw:
        assert code_of(await ask(raw, SAY, body, part=part)) is Code.INVALID_ARGUMENT
        assert len(instance._serving.large) == 0


async def test_a_part_beyond_the_length_is_data_loss(small_nats: EmbeddedNats) -> None:
    async with pair(small_nats.url, Echo()) as (instance, _, _), raw_nats(small_nats.url) as raw:
        await ask(raw, SAY, b"x" * 100, part=(150, 0))
        rest = f"svc.echo.v1._i.{instance.id}.{CALL}"
        assert code_of(await ask(raw, rest, b"x" * 51, part=(150, 100))) is Code.DATA_LOSS


async def test_what_is_not_continued_is_forgotten_at_the_deadline(
    small_nats: EmbeddedNats,
) -> None:
    async with pair(small_nats.url, Echo()) as (instance, _, _), raw_nats(small_nats.url) as raw:
        await ask(raw, SAY, b"x" * 100, part=(300, 0), milliseconds=50)
        await eventually(lambda: len(instance._serving.large) == 0)
        assert instance._serving.large._bytes == 0


async def test_a_response_that_is_not_fetched_is_forgotten_when_it_is_cancelled(
    small_nats: EmbeddedNats,
) -> None:
    async def large(request: StringValue, context: CallContext) -> StringValue:
        return text(60_000)

    async with (
        pair(small_nats.url, Echo(large)) as (instance, _, _),
        raw_nats(small_nats.url) as raw,
    ):
        first = await ask(raw, SAY, b"")
        assert parts.PART in headers.decode(first.headers).lines
        assert len(instance._serving.large) == 1
        raw.publish("svc.echo.v1._cancel", b"", headers=call_block(0))
        await eventually(lambda: len(instance._serving.large) == 0)
        rest = f"svc.echo.v1._i.{instance.id}.{CALL}"
        fetch = headers.encode({parts.FETCH: parts.encode_fetch(20_000)})
        assert code_of(await raw.request(rest, b"", headers=fetch)) is Code.DATA_LOSS


async def test_cancelling_the_caller_forgets_a_request_that_is_under_way(
    nats: EmbeddedNats,
) -> None:
    """The instance is a socket that asks for more and takes nothing."""
    async with (
        raw_nats(nats.url) as raw,
        await connect(ConnectionSettings(servers=(nats.url,), name="caller")) as connection,
    ):
        await raw.subscribe("svc.echo.v1.>")
        call = asyncio.create_task(EchoClient(connection).say(text(3_000_000)))
        first = await raw.receive()
        total = parts.decode_part(headers.decode(first.headers).lines[parts.PART]).total
        raw.publish(
            first.reply,
            b"",
            headers=headers.encode(
                {
                    parts.INSTANCE: "0123456789abcdef",
                    parts.PART: parts.encode_part(total, len(first.body)),
                }
            ),
        )
        second = await raw.receive()
        assert second.subject.startswith("svc.echo.v1._i.0123456789abcdef.")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        while (message := await raw.receive()).subject != "svc.echo.v1._cancel":
            assert message.subject == second.subject
        assert second.subject.rpartition(".")[2].encode() in message.headers
        assert len(connection._calls) == 0


async def test_a_lost_instance_is_unavailable(nats: EmbeddedNats) -> None:
    """The instance asks for more, and is gone."""
    async with (
        raw_nats(nats.url) as raw,
        await connect(ConnectionSettings(servers=(nats.url,), name="caller")) as connection,
    ):
        await raw.subscribe(SAY)
        call = asyncio.create_task(EchoClient(connection).say(text(3_000_000), timeout=5.0))
        first = await raw.receive()
        lines = {parts.INSTANCE: "0123456789abcdef", parts.PART: parts.encode_part(3_000_005, 1)}
        raw.write(b"UNSUB 1\r\n")
        raw.publish(first.reply, b"", headers=headers.encode(lines))
        with pytest.raises(StatusError) as raised:
            await call
        assert raised.value.code is Code.UNAVAILABLE
        assert raised.value.unhandled


def call_block(milliseconds: int, call: str = CALL, **lines: str) -> bytes:
    """The header block of a request."""
    return headers.encode({headers.CALL: f"01-{call}-{milliseconds:08x}", **lines})


async def ask(
    raw: RawNats,
    subject: str,
    body: bytes,
    *,
    part: tuple[int, int] | None = None,
    milliseconds: int = 5000,
    call: str = CALL,
) -> RawMessage:
    """The answer to a request, or to a part of one."""
    lines = {} if part is None else {parts.PART: parts.encode_part(*part)}
    return await raw.request(subject, body, headers=call_block(milliseconds, call, **lines))


def code_of(answer: RawMessage) -> Code:
    """The status that an answer carries."""
    return status.decode(headers.decode(answer.headers).lines, answer.body).code
