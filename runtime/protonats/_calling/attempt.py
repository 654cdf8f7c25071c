"""One request and its answer: section 4 of the wire protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from google.protobuf.message import DecodeError, Message

from protonats import deadline
from protonats._calling import large
from protonats._calling.cancelling import cancel
from protonats._calling.methods import CalledMethod
from protonats._transport.message import Message as Answer
from protonats._wire import call, headers, metadata, parts, status
from protonats.call_info import CallInfo
from protonats.connection import Connection
from protonats.errors import Code, StatusError

_NEVER: Final = 1e9
"""Seconds for which a call without a deadline waits."""


async def attempt(
    connection: Connection,
    called: CalledMethod,
    subject: str,
    body: bytes,
    lines: Mapping[str, str] | None,
    now: float,
    until: float | None,
    info: CallInfo | None,
    untraced: bool,
) -> Message:
    """Sends a request, and returns the response.

    A caller that is cancelled meanwhile cancels the handler. An attempt that is lost because of the
    method's `attempt_timeout` is DEADLINE_EXCEEDED, and its handler is ended by the deadline, which
    travels with it.

    Args:
        connection: Where to send.
        called: The method.
        subject: Its subject for this request.
        body: The serialized request.
        lines: Header lines other than the call header; None if there are none.
        now: The event loop's time.
        until: The deadline of the call, in the event loop's time; None if it has none.
        info: Where to note what is learned about the call.
        untraced: Whether the call is known to belong to no trace.

    Raises:
        StatusError: The status that was answered, or why nothing was answered.
    """
    if called.attempt_timeout is not None and called.repeatable:
        own = now + called.attempt_timeout
        until = own if until is None else min(until, own)
    if until is None:
        remaining = None
        until = now + _NEVER
    else:
        remaining = call.milliseconds(until - now)
    if connection.telemetry is None:
        call_id, trace = connection._call_ids.next(), deadline.current_context()
    elif untraced:
        call_id, trace = connection.telemetry.untraced_request(connection._call_ids)
    else:
        call_id, trace = connection.telemetry.request(connection._call_ids)
    if lines is None:
        block = call.encode_block(call_id, remaining, trace)
    else:
        value = call.encode(call.CallHeader(call_id, remaining, trace))
        block = headers.encode({headers.CALL: value, **lines})
    if info is not None:
        info.attempts += 1
        info.call_id = call_id
    try:
        if len(block) + len(body) <= connection._transport.max_payload:
            answer = await connection._ask(subject, body, block, until, call_id)
        else:
            lines = headers.decode(block).lines
            with connection._calls.in_parts(call_id, subject):
                answer = await large.send_in_parts(connection, subject, body, lines, until, call_id)
        if isinstance(answer, bytes):
            content: bytes | bytearray = answer
        elif isinstance(answer, StatusError):
            raise answer
        else:
            content = answer.body
            if answer.block:
                _read_headers(answer, subject, info)
                if large.is_part(answer):
                    content = await _rest(connection, subject, answer, until, call_id)
    except (asyncio.CancelledError, GeneratorExit) as stop:
        connection._calls.remove(call_id)
        if isinstance(stop, asyncio.CancelledError):
            cancel(connection._transport, subject, call_id)
        raise
    except StatusError as error:
        if error.code is Code.DEADLINE_EXCEEDED and _is_lost(connection, called, now, until):
            raise StatusError(
                Code.DEADLINE_EXCEEDED,
                f"no answer from {subject} within {called.attempt_timeout:g} s, the attempt_timeout"
                f" of {called.method.name}",
            ) from None
        raise
    try:
        response: Message = called.method.response.FromString(content)
        return response
    except DecodeError:
        raise StatusError(
            Code.INTERNAL,
            f"the answer of {subject} cannot be read as"
            f" {called.method.response.DESCRIPTOR.full_name}",
        ) from None


def _is_lost(connection: Connection, called: CalledMethod, now: float, until: float) -> bool:
    """Whether it was the time of this attempt that passed, and not that of the call."""
    return (
        called.attempt_timeout is not None
        and called.repeatable
        and until == now + called.attempt_timeout <= connection._clock()
    )


async def _rest(
    connection: Connection, subject: str, answer: Answer, until: float, call_id: str
) -> bytearray:
    try:
        with connection._calls.in_parts(call_id, subject):
            return await large.fetch_rest(connection, subject, answer, until, call_id)
    except StatusError as error:
        # The handler has run, whatever became of its response.
        error.unhandled = False
        cancel(connection._transport, subject, call_id)
        raise


def _read_headers(answer: Answer, subject: str, info: CallInfo | None) -> None:
    if answer.status == headers.NO_RESPONDERS and not answer.body:
        raise StatusError(Code.UNAVAILABLE, f"no instance serves {subject}", unhandled=True)
    lines = answer.headers
    if info is not None:
        info.metadata = metadata.read(lines)
        info.trailers = metadata.read_trailers(lines)
        info.instance = lines.get(parts.INSTANCE, "")
        info.replayed = lines.get(headers.REPLAYED) == "1"
    if headers.ERROR_CODE in lines:
        raise status.decode(lines, answer.body)
