"""The conversations of the vectors, held with a bare socket on the other side."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats._wire import frames, headers
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import calling, eventually
from tests.functional.raw_nats import RawMessage, RawNats, raw_nats
from tests.functional.streams import Responses, StreamClient, Streams, code_of, each, pair, text

pytestmark = pytest.mark.anyio

_VECTORS = json.loads(
    (Path(__file__).parents[2] / "docs" / "wire-vectors" / "stream.json").read_text()
)
_CONVERSATIONS = _VECTORS["conversation"]
_INSTANCE = "0123456789abcdef"


def name(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def block_of(message: dict[str, Any]) -> bytes:
    return bytes.fromhex(message["headers"])


def body_of(message: dict[str, Any]) -> bytes:
    return bytes.fromhex(message["body"])


def send(raw: RawNats, to: str, message: dict[str, Any], *, reply: str = "") -> None:
    raw.publish(to, body_of(message), reply=reply, headers=block_of(message))


def contents(messages: list[RawMessage]) -> list[str]:
    """The messages of a stream, from its frames."""
    whole, part = [], b""
    for message in messages:
        if message.body[:1] == b"\x01":
            whole += frames.read_data(message.body)[1]
        elif message.body[:1] == b"\x02":
            _, total, _, content = frames.read_part(message.body)
            part += content
            if len(part) == total:
                whole.append(part)
                part = b""
    return [StringValue.FromString(body).value for body in whole]


class Conversation(Streams):
    """Handlers that answer as a vector says."""

    def __init__(self, vector: dict[str, Any]) -> None:
        super().__init__(self._watch, self._ingest, self._watch)
        self._vector = vector
        self.requests: list[str] = []
        self.ended = asyncio.Event()

    async def _ingest(self, requests: Responses, context: CallContext) -> StringValue:
        self.requests = [request.value async for request in requests]
        return text(self._vector["responses"][0])

    async def _watch(self, requests: Any, context: CallContext) -> Responses:
        vector = self._vector
        context.response_metadata.update(vector["metadata"])
        context.trailers.update(vector["trailers"])
        if isinstance(requests, StringValue):
            self.requests = [requests.value]
        else:
            self.requests = [request.value async for request in requests]
        try:
            for response in vector["responses"]:
                yield text(response)
            if vector.get("code") == Code.CANCELLED:
                await asyncio.Event().wait()
            elif "code" in vector:
                raise StatusError(Code(vector["code"]), vector["message"])
        finally:
            self.ended.set()


@pytest.mark.parametrize("vector", _CONVERSATIONS, ids=name)
async def test_an_instance_holds_the_conversation(
    nats: EmbeddedNats, vector: dict[str, Any]
) -> None:
    server = Conversation(vector)
    asked = [message for message in vector["messages"] if message["from"] == "caller"]
    cancelled = vector.get("code") == Code.CANCELLED
    async with pair(nats.url, server) as both, raw_nats(nats.url) as raw:
        reply = "_INBOX.raw.1.2"
        await raw.subscribe(reply)
        send(raw, asked[0]["to"], asked[0], reply=reply)
        accepting = await raw.receive()
        lines = headers.decode(accepting.headers).lines
        assert lines == {
            "Pn-Instance": both.instance.id,
            "Pn-Stream": f"0-{1 if vector['kind'] == 'server_stream' else 1024:08x}"
            "-00400000-00001388",
        }
        for message in asked[1:]:
            if not cancelled:
                send(raw, message["to"].replace(_INSTANCE, both.instance.id), message)
        answers: list[RawMessage] = []
        while not answers or b"Pn-End" not in answers[-1].headers:
            if cancelled and contents(answers) == vector["responses"]:
                break
            answers.append(await raw.receive())
        if cancelled:
            send(raw, asked[1]["to"].replace(_INSTANCE, both.instance.id), asked[1])
            await asyncio.wait_for(server.ended.wait(), 5.0)
        else:
            expected = headers.decode(block_of(vector["messages"][-1]))
            assert headers.decode(answers[-1].headers) == expected
            assert answers[-1].body == body_of(vector["messages"][-1])
    assert contents(answers) == vector["responses"]
    assert server.requests == vector["requests"]
    metadata = [headers.decode(item.headers).lines for item in answers if item.body == b"\x04"]
    assert metadata == ([vector["metadata"]] if vector["metadata"] else [])


@pytest.mark.parametrize("vector", _CONVERSATIONS, ids=name)
async def test_a_caller_holds_the_conversation(nats: EmbeddedNats, vector: dict[str, Any]) -> None:
    info = protonats.CallInfo()
    async with calling(nats.url) as echo, raw_nats(nats.url) as raw:
        for subject in ("watch", "ingest", "chat", f"_i.{_INSTANCE}.*"):
            await raw.subscribe(f"svc.echo.v1.{subject}")
        client = StreamClient(echo._connection)
        seen: list[str] = []
        call = asyncio.create_task(_call(client, vector, seen, info))
        request = await raw.receive()
        lines = headers.decode(request.headers).lines
        assert lines["Pn-Stream"][1:] == "-00000400-00400000-00001388"
        carried = [request] if lines["Pn-Stream"][0] == "1" else []
        answers = [message for message in vector["messages"] if message["from"] == "instance"]
        send(raw, request.reply, answers[0])
        follow: list[RawMessage] = []
        if vector["kind"] != "server_stream":
            while not follow or b"Pn-End" not in follow[-1].headers:
                follow.append(await raw.receive())
            end = headers.decode(follow[-1].headers).lines
            assert end == {"Pn-End": str(len(vector["requests"]))}
        for message in answers[1:]:
            send(raw, request.reply, message)
        if vector.get("code") == Code.CANCELLED:
            await eventually(lambda: seen == vector["responses"])
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            last = await raw.receive()
            assert last.headers == block_of(vector["messages"][-1])
            assert last.body == body_of(vector["messages"][-1])
        elif "code" in vector:
            assert await code_of(call) == (vector["code"], vector["message"])
        else:
            await call
        sent = [StringValue.FromString(item.body).value for item in carried]
        assert [*sent, *contents(follow)] == vector["requests"]
    assert seen == vector["responses"]
    assert (info.metadata, info.trailers) == (vector["metadata"], vector["trailers"])
    assert (info.instance, len(info.call_id)) == (_INSTANCE, 32)


async def _call(
    client: StreamClient, vector: dict[str, Any], seen: list[str], info: protonats.CallInfo
) -> None:
    kind, requests = vector["kind"], each(*vector["requests"])
    if kind == "client_stream":
        seen.append((await client.ingest(requests, info=info)).value)
        return
    stream = client.chat(requests, info=info)
    if kind == "server_stream":
        stream = client.watch(text(vector["requests"][0]), info=info)
    async for message in stream:
        seen += (message.value,)
