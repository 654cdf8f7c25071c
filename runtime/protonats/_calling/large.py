"""Large messages on the side of the caller: section 9 of the wire protocol."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Final

from protonats._calling.cancelling import cancel
from protonats._freed_memory import keep_freed_memory
from protonats._transport.message import Message
from protonats._wire import headers, parts, status, subjects
from protonats.connection import Connection
from protonats.errors import Code, StatusError

_MOST_AT_ONCE: Final = 256
"""Requests of one message that run at once, however small the parts are that an instance sends."""


async def send_in_parts(
    connection: Connection,
    subject: str,
    body: bytes,
    lines: Mapping[str, str],
    deadline: float,
    call_id: str,
) -> Message:
    """Sends a request that is too large for one NATS message, and returns the answer to the call.

    Args:
        connection: Where to send.
        subject: The method's subject.
        body: The whole request.
        lines: The header lines of the request, `Pn-Call` included.
        deadline: Until when to wait, in the event loop's time.
        call_id: The id of the call.

    Raises:
        StatusError: RESOURCE_EXHAUSTED for more than `max_message_size`, before anything is sent;
            and the errors of a request.
    """
    total = len(body)
    parts.check_total(total, connection.max_message_size, "the request")
    opening = {**lines, parts.PART: parts.encode_part(total, 0)}
    sent = parts.room(connection.max_payload, opening)
    answer = await connection._request(
        subject, body[:sent], headers.encode(opening), deadline, token=call_id
    )
    if not _wants_more(answer):
        return answer
    rest = _rest_subject(subject, answer, call_id)
    size = parts.room(connection.max_payload, {parts.PART: opening[parts.PART]})

    def requests() -> Iterator[Coroutine[Any, Any, Message]]:
        for offset in range(sent, total, size):
            block = headers.encode({parts.PART: parts.encode_part(total, offset)})
            part, token = body[offset : offset + size], secrets.token_hex(16)
            yield connection._request(rest, part, block, deadline, token=token, begun=True)

    try:
        async with aclosing(_pipelined(requests(), size)) as answers:
            async for answer in answers:
                if not _wants_more(answer):
                    keep_freed_memory()
                    return answer
        raise StatusError(Code.INTERNAL, f"{subject} asks for more than the whole request")
    except StatusError:
        cancel(connection._transport, subject, call_id)
        raise


async def fetch_rest(
    connection: Connection, subject: str, answer: Message, deadline: float, call_id: str
) -> bytearray:
    """The whole body of an answer that is the first part of a large one.

    Raises:
        StatusError: RESOURCE_EXHAUSTED for more than `max_message_size`, DATA_LOSS if the instance
            does not have it any more, UNAVAILABLE if it is gone; and the errors of a request.
    """
    total = parts.decode_part(answer.headers[parts.PART]).total
    parts.check_total(total, connection.max_message_size, "the response")
    rest = _rest_subject(subject, answer, call_id)
    size = len(answer.body)
    body = bytearray(total)
    _place(body, answer, 0, size)

    def requests() -> Iterator[Coroutine[Any, Any, Message]]:
        for offset in range(size, total, size):
            block = headers.encode({parts.FETCH: parts.encode_fetch(offset)})
            token = secrets.token_hex(16)
            yield connection._request(rest, b"", block, deadline, token=token, begun=True)

    offset = size
    async with aclosing(_pipelined(requests(), size)) as answers:
        async for answer in answers:
            if answer.status == headers.NO_RESPONDERS:
                raise StatusError(Code.UNAVAILABLE, f"the instance that answers {subject} is gone")
            if headers.ERROR_CODE in answer.headers:
                raise status.decode(answer.headers, answer.body)
            _place(body, answer, offset, size)
            offset += size
    keep_freed_memory()
    return body


def is_part(answer: Message) -> bool:
    """Whether an answer is the first part of a large response."""
    return parts.PART in answer.headers and bool(answer.body)


def _wants_more(answer: Message) -> bool:
    return parts.PART in answer.headers and not answer.body


def _rest_subject(subject: str, answer: Message, call_id: str) -> str:
    instance = answer.headers.get(parts.INSTANCE, "")
    if not subjects.is_token(instance):
        raise StatusError(Code.INTERNAL, f"{subject} answered in parts and not by which instance")
    return f"{subjects.service_prefix(subject)}_i.{instance}.{call_id}"


def _place(body: bytearray, answer: Message, offset: int, size: int) -> None:
    """Puts a part where it belongs; every part but the last has the size of the first."""
    part = parts.decode_part(answer.headers.get(parts.PART, ""))
    end = min(offset + size, len(body))
    if (part.total, part.offset, len(answer.body)) != (len(body), offset, end - offset):
        raise StatusError(Code.INTERNAL, "a part of the response is not the one that was asked for")
    body[offset:end] = answer.body


async def _pipelined(
    requests: Iterator[Coroutine[Any, Any, Message]], size: int
) -> AsyncGenerator[Message, None]:
    """The answers in the order of the requests, each of which carries `size` bytes one way."""
    width = min(max(1, parts.WINDOW // size), _MOST_AT_ONCE)
    running: deque[asyncio.Task[Message]] = deque()
    try:
        for request in requests:
            running.append(asyncio.create_task(request))
            if len(running) >= width:
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
