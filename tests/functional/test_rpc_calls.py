"""Unary calls that go well, and those that are refused before anything is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable

import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import StringValue

from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, calling, eventually, serving
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


async def test_a_call_is_answered(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()), calling(nats.url) as client:
        assert await client.say(StringValue(value="hi")) == StringValue(value="hi")


async def test_an_empty_message_is_a_message(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()), calling(nats.url) as client:
        assert await client.say(StringValue()) == StringValue()


async def test_many_calls_run_at_once_and_each_gets_its_own_answer(nats: EmbeddedNats) -> None:
    everybody = asyncio.Barrier(50)

    async def meet(request: StringValue, context: CallContext) -> StringValue:
        await everybody.wait()
        return request

    async with serving(nats.url, Echo(meet)), calling(nats.url) as client:
        requests = [StringValue(value=str(number)) for number in range(50)]
        assert await asyncio.gather(*map(client.say, requests)) == requests


async def test_a_value_of_the_request_stands_in_the_subject(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()), calling(nats.url) as client, raw_nats(nats.url) as tap:
        await tap.subscribe("svc.echo.>")
        answer = await client.room(StringValue(value="lobby"))
        assert dict(answer) == {"room": "lobby"}
        assert (await tap.receive()).subject == "svc.echo.v1.room.lobby"


async def test_a_handler_is_told_about_the_call(nats: EmbeddedNats) -> None:
    echo = Echo()
    async with serving(nats.url, echo), calling(nats.url) as client, raw_nats(nats.url) as tap:
        await tap.subscribe("svc.echo.>")
        await client.say(
            StringValue(value="hi"),
            timeout=3.0,
            metadata={"tenant": "acme"},
            idempotency_key="order-7",
        )
        request = await tap.receive()
    (context,) = echo.contexts
    assert context.metadata == {"tenant": "acme"}
    assert context.idempotency_key == "order-7"
    assert context.trace is None
    assert context.method.name == "Say"
    remaining = context.remaining()
    assert remaining is not None
    assert 0 <= remaining <= 3.0
    assert re.fullmatch("[0-9a-f]{32}", context.call_id)
    assert request.reply.endswith("." + context.call_id)
    assert re.fullmatch(r"_INBOX\.caller\.[0-9a-f]{32}\.[0-9a-f]{32}", request.reply)


async def test_calls_made_by_a_handler_carry_its_trace(nats: EmbeddedNats) -> None:
    inner = Echo()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with calling(nats.url) as client, raw_nats(nats.url) as raw:

        async def call_again(request: StringValue, context: CallContext) -> StringValue:
            if request.value == "outer":
                return await client.say(StringValue(value="inner"))
            return request

        inner.handler = call_again
        async with serving(nats.url, inner):
            block = f"NATS/1.0\r\nPn-Call: 01-{'0' * 32}-00001388-{trace}\r\n\r\n".encode()
            body = StringValue(value="outer").SerializeToString()
            await raw.request("svc.echo.v1.say", body, headers=block)
    assert [context.trace for context in inner.contexts] == [f"00-{trace}"] * 2


async def test_instances_share_the_calls_of_a_service(nats: EmbeddedNats) -> None:
    one, two = Echo(), Echo()
    async with (
        serving(nats.url, one),
        serving(nats.url, two),
        calling(nats.url) as client,
    ):
        for _ in range(100):
            await client.say(StringValue())
    assert len(one.contexts) + len(two.contexts) == 100
    assert one.contexts
    assert two.contexts


async def test_nobody_there_is_unavailable_at_once(nats: EmbeddedNats) -> None:
    async with calling(nats.url) as client:
        with pytest.raises(StatusError, match=r"no instance serves svc\.echo\.v1\.say") as error:
            await client.say(StringValue(), timeout=60.0)
    assert error.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    "metadata", [{"Tenant": "x"}, {"tenant": "a\r\nPn-Call: x"}, {"pn-x": "y"}, {"bad": 1}]
)
async def test_bad_metadata_is_refused_before_anything_is_sent(
    nats: EmbeddedNats, metadata: dict[str, str]
) -> None:
    await _refused_unsent(nats, metadata=metadata)


@pytest.mark.parametrize("key", ["", "x" * 129, "a\nb", 1])
async def test_a_bad_idempotency_key_is_refused_before_anything_is_sent(
    nats: EmbeddedNats, key: str
) -> None:
    await _refused_unsent(nats, key=key)


@pytest.mark.parametrize("value", ["", "a.b", "*", ">", "a b", "a\r\nPUB x 0"])
async def test_a_value_that_is_no_token_is_refused_before_anything_is_sent(
    nats: EmbeddedNats, value: str
) -> None:
    await _refused_unsent(nats, room=value)


async def _refused_unsent(
    nats: EmbeddedNats,
    *,
    metadata: dict[str, str] | None = None,
    key: str | None = None,
    room: str | None = None,
) -> None:
    async with calling(nats.url) as client, raw_nats(nats.url) as tap:
        await tap.subscribe("svc.echo.>")
        if room is None:
            call: Awaitable[Message] = client.say(
                StringValue(), metadata=metadata, idempotency_key=key
            )
        else:
            call = client.room(StringValue(value=room))
        with pytest.raises(StatusError) as error:
            await call
        assert error.value.code is Code.INVALID_ARGUMENT
        tap.publish("svc.echo.end", b"")
        assert (await tap.receive()).subject == "svc.echo.end"


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("inf"), float("nan")])
async def test_a_timeout_is_a_positive_number(nats: EmbeddedNats, timeout: float) -> None:
    async with calling(nats.url) as client:
        with pytest.raises(ValueError, match="write a positive number of seconds"):
            await client.say(StringValue(), timeout=timeout)


async def test_a_request_of_another_type_is_a_type_error(nats: EmbeddedNats) -> None:
    async with calling(nats.url) as client:
        with pytest.raises(TypeError, match=r"Say takes google\.protobuf\.StringValue, not Struct"):
            await client.say(Struct())  # type: ignore[arg-type]  # pyright: ignore


async def test_an_answer_of_another_type_is_internal(nats: EmbeddedNats) -> None:
    async with calling(nats.url) as client, raw_nats(nats.url) as raw:
        await raw.subscribe("svc.echo.v1.say")
        call = asyncio.create_task(client.say(StringValue()))
        raw.publish((await raw.receive()).reply, b"\xff\xff")
        with pytest.raises(
            StatusError, match=r"cannot be read as google\.protobuf\.StringValue"
        ) as error:
            await call
    assert error.value.code is Code.INTERNAL


async def test_calls_are_counted_on_both_sides(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()) as (_, connection), calling(nats.url) as client:
        await client.say(StringValue())
        with pytest.raises(StatusError):
            await client.say(StringValue(), metadata={"Bad": "x"})
        labels = 'method="Say",service="acme.echo.v1.EchoService"'
        client_side = client._connection.metrics.render().decode()
        server_side = connection.metrics.render().decode()
    assert f'protonats_client_handled_total{{code="OK",{labels}}} 1.0' in client_side
    assert f'protonats_client_handled_total{{code="INVALID_ARGUMENT",{labels}}} 1.0' in client_side
    assert f'protonats_server_handled_total{{code="OK",{labels}}} 1.0' in server_side
    assert f"protonats_server_in_flight{{{labels}}} 0.0" in server_side


async def test_a_cancelled_call_is_forgotten(nats: EmbeddedNats) -> None:
    async with calling(nats.url) as client, raw_nats(nats.url) as raw:
        await raw.subscribe("svc.echo.v1.say")
        call = asyncio.create_task(client.say(StringValue()))
        request = await raw.receive()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        raw.publish(request.reply, b"")
        await eventually(lambda: len(client._connection._calls) == 0)
        assert 'code="CANCELLED"' in client._connection.metrics.render().decode()
