"""What a peer can do wrong on a stream, at the instance and at the caller."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import cast

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given, settings
from hypothesis import strategies as st

from protonats._streaming.client_call import ClientStream
from protonats._wire import frames, headers
from protonats.errors import Code
from protonats.testing import EmbeddedNats
from tests.functional.echo import calling, dropped, eventually
from tests.functional.raw_nats import raw_nats
from tests.functional.raw_streams import (
    INSTANCE,
    RawCaller,
    RawInstance,
    announce,
    body,
    cancelled,
    data,
    end,
)
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

_VECTORS = json.loads(
    (Path(__file__).parents[2] / "docs" / "wire-vectors" / "stream.json").read_text()
)
_MALFORMED = {item["name"]: bytes.fromhex(item["hex"]) for item in _VECTORS["malformed"]}
_IGNORED = {item["name"]: bytes.fromhex(item["hex"]) for item in _VECTORS["ignored"]}

_EXHAUSTED = Code.RESOURCE_EXHAUSTED
_UNREADABLE = [frames.data(1, [b"\xff"])]
_VIOLATIONS = {
    "a message is missing": ([data(1, "a"), data(3, "c")], Code.DATA_LOSS),
    "a message is repeated": ([data(1, "a"), data(1, "a")], Code.DATA_LOSS),
    "messages change places": ([data(2, "b"), data(1, "a")], Code.DATA_LOSS),
    "number 0": ([data(0, "a")], Code.DATA_LOSS),
    "a part is missing": (
        [frames.part(1, 9, 0, b"abc"), frames.part(1, 9, 6, b"g")],
        Code.DATA_LOSS,
    ),
    "a message inside a message": ([frames.part(1, 9, 0, b"abc"), data(1, "a")], Code.DATA_LOSS),
    "more than the credit": ([data(1, *"abcde")], _EXHAUSTED),
    "more bytes than the credit": ([data(1, "x" * 2000, "x")], _EXHAUSTED),
    "a message that is too long": ([frames.part(1, 5001, 0, b"x")], _EXHAUSTED),
    **{f"malformed {name}": ([frame], None) for name, frame in _MALFORMED.items() if frame},
    "no message of the type": (_UNREADABLE, None),
}
_SMALL = {"stream_messages": 4, "stream_bytes": 1000, "max_message_size": 5000}


@pytest.mark.parametrize(("sent", "code"), _VIOLATIONS.values(), ids=_VIOLATIONS)
async def test_an_instance_ends_a_call_that_breaks_the_rules(
    nats: EmbeddedNats, sent: list[bytes], code: Code | None
) -> None:
    async with pair(nats.url, Streams(), **_SMALL) as both, raw_nats(nats.url) as raw:
        caller = RawCaller(raw)
        await caller.open("ingest")
        for frame in sent:
            caller.send(frame)
        assert (await caller.status())[0] is (code or Code.INVALID_ARGUMENT)
        await eventually(lambda: not both.left())
        caller.send(data(7, "late"))
        await eventually(lambda: dropped(both.server).get("unknown_call") == 1)
        assert (await both.client.say(text("hi"))).value == "hi"


@pytest.mark.parametrize(("sent", "code"), _VIOLATIONS.values(), ids=_VIOLATIONS)
async def test_a_caller_ends_a_call_that_breaks_the_rules(
    nats: EmbeddedNats, sent: list[bytes], code: Code | None
) -> None:
    held = Held()
    async with (
        pair(nats.url, held.server(), **_SMALL) as both,
        raw_nats(nats.url) as raw,
    ):
        await both.instance.drain(0)
        instance = RawInstance(raw)
        await instance.serve("watch")
        go = asyncio.Event()
        call = asyncio.create_task(code_of(_read(both.client.watch(text("")), go)))
        await instance.accept()
        for frame in sent:
            instance.send(frame)
        if sent == _UNREADABLE:
            go.set()
        failed = await instance.status()
        assert failed[0] is (code or Code.INTERNAL)
        go.set()
        assert await call == failed


async def _read(stream: Responses, go: asyncio.Event) -> None:
    """Takes nothing before the go, so that no more credit is given."""
    await cast(ClientStream[StringValue], stream).opened()
    await go.wait()
    await values(stream)


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_an_end_with_another_count_is_data_loss(nats: EmbeddedNats, count: int) -> None:
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        caller = RawCaller(raw)
        await caller.open("ingest")
        caller.send(data(1, "a", "b"))
        caller.send(b"", end(count))
        assert (await caller.status())[0] is Code.DATA_LOSS
        await both.instance.drain(0)
        instance = RawInstance(raw)
        await instance.serve("watch")
        call = asyncio.create_task(code_of(values(both.client.watch(text("")))))
        await instance.accept()
        instance.send(data(1, "a", "b"))
        instance.send(b"", end(count))
        assert (await call)[0] is Code.DATA_LOSS


@pytest.mark.parametrize("count", [0, 2])
async def test_a_client_stream_has_one_response(nats: EmbeddedNats, count: int) -> None:
    async with calling(nats.url) as echo, raw_nats(nats.url) as raw:
        instance = RawInstance(raw)
        await instance.serve("ingest")
        call = asyncio.create_task(code_of(StreamClient(echo._connection).ingest(each(1))))
        await instance.accept()
        if count:
            instance.send(data(1, *"ab"))
        instance.send(b"", end(count))
        assert (await call)[0] is Code.INTERNAL


@pytest.mark.parametrize("frame", _IGNORED.values(), ids=_IGNORED)
async def test_what_is_unknown_is_ignored(nats: EmbeddedNats, frame: bytes) -> None:
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        caller = RawCaller(raw)
        await caller.open("ingest")
        for following in (frame, data(1, "a"), frame):
            caller.send(following)
        caller.send(b"", end(1))
        assert frames.read_data((await raw.receive()).body) == (1, [body("a")])
        assert (await raw.receive()).headers == end(1)
        await eventually(lambda: not both.left())


@pytest.mark.parametrize(
    ("header", "content", "method"),
    [
        ("", b"", "chat"),
        ("nonsense", b"", "chat"),
        (announce(0), body("a"), "chat"),
        (announce(0, ms=0), b"", "chat"),
        (announce(1), b"\xff", "watch"),
    ],
)
async def test_a_request_that_opens_no_stream_is_refused(
    nats: EmbeddedNats, header: str, content: bytes, method: str
) -> None:
    async with pair(nats.url, Streams()), raw_nats(nats.url) as raw:
        caller = RawCaller(raw)
        answer = await caller.open(method, header=header, content=content)
        if b"Pn-Instance" in answer.headers:
            code, _ = await caller.status()
        else:
            code = Code(int(headers.decode(answer.headers).lines["Nats-Service-Error-Code"]))
    assert code is Code.INVALID_ARGUMENT


async def test_a_unary_method_ignores_the_header(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()), raw_nats(nats.url) as raw:
        answer = await RawCaller(raw).open("say", content=body("hi"))
    assert (answer.headers, answer.body) == (b"", body("hi"))


@pytest.mark.parametrize(
    "lines",
    [
        {},
        {"Pn-Instance": INSTANCE},
        {"Pn-Stream": announce()},
        {"Pn-Instance": "a.b", "Pn-Stream": announce()},
        {"Pn-Instance": INSTANCE, "Pn-Stream": "nonsense"},
    ],
)
async def test_an_answer_that_opens_no_stream_is_internal(
    nats: EmbeddedNats, lines: dict[str, str]
) -> None:
    async with calling(nats.url) as echo, raw_nats(nats.url) as raw:
        instance = RawInstance(raw)
        await instance.serve("watch")
        client = StreamClient(echo._connection)
        call = asyncio.create_task(code_of(values(client.watch(text("")))))
        await instance.take()
        instance.send(body("hi"), headers.encode(lines))
        assert (await call)[0] is Code.INTERNAL
        assert await instance.cancellation() == f"01-{instance.call}-00000000"


async def test_a_caller_that_ends_the_call_hears_nothing_more(nats: EmbeddedNats) -> None:
    held = Held()
    async with pair(nats.url, held.server()) as both, raw_nats(nats.url) as raw:
        caller = RawCaller(raw)
        await caller.open("chat")
        block, content = cancelled()
        caller.send(content, block)
        await eventually(lambda: not both.left() and not held.begun - len(held.ended))
        caller.send(data(1, "a"))
        await eventually(lambda: dropped(both.server) == {"unknown_call": 1})
        with pytest.raises(TimeoutError):
            await raw.receive(timeout=0.05)


async def test_frames_for_calls_that_nobody_knows_are_counted(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        for frame in (data(1, "a"), frames.KEEPALIVE_FRAME, b"", b"\xff"):
            raw.publish(f"svc.echo.v1._i.{both.instance.id}.{'0' * 32}", frame)
        await eventually(lambda: dropped(both.server) == {"unknown_call": 4})


@settings(max_examples=25)
@given(sent=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=60))
def test_garbage_ends_one_call_and_harms_no_other(nats: EmbeddedNats, sent: list[bytes]) -> None:
    async def attack() -> None:
        async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
            caller = RawCaller(raw)
            await caller.open("chat")
            for frame in sent:
                caller.send(frame)
            block, content = cancelled()
            caller.send(content, block)
            assert await values(both.client.chat(each(1, 2))) == ["1", "2"]

    asyncio.run(attack())
