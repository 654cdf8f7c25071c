"""A unary call: its request is made once, and sent as often as the method's policies allow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from google.protobuf.message import Message

from protonats import deadline
from protonats._calling.attempt import attempt
from protonats._calling.hedging import hedged
from protonats._calling.methods import CalledMethod
from protonats._calling.request import fill, header_lines, is_keyed
from protonats._calling.retry import Retries
from protonats.call_info import CallInfo
from protonats.connection import Connection
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats._telemetry.spans import LiveSpan


async def call(
    connection: Connection,
    called: CalledMethod,
    request: Message,
    timeout: float | None,
    metadata: Mapping[str, str] | None,
    idempotency_key: str | None,
    info: CallInfo | None,
    wait_for_ready: bool,
    counted: bool,
) -> Message:
    """Makes a call through the breaker of its method, and again where a failure allows it.

    It is counted and traced here, unless interceptors are around it: then, they are part of it. One
    coroutine for both is what a call can save.

    Args:
        connection: Where to send.
        called: The method.
        request: The request.
        timeout: Seconds that the call may take; None: as long as the running call.
        metadata: What travels with the request.
        idempotency_key: What makes calls the same call.
        info: Where to note what is learned about the call.
        wait_for_ready: Whether to wait for a connection and an instance.
        counted: Whether to count and trace the call.

    Raises:
        StatusError: INVALID_ARGUMENT before anything is sent; UNAVAILABLE, if the breaker is open;
            and those of `attempt`.
    """
    clock = connection._clock
    started = now = clock()
    breaker, probe, admitted = called.breaker, False, False
    span: LiveSpan | Literal[False] | None = None
    if counted:
        called.calls.started += 1
        if connection.telemetry is not None:
            span = connection.telemetry.begin(called.method)
    try:
        until = deadline.current()
        if timeout is not None and (until is None or now + timeout < until):
            until = now + timeout
        if until is not None and until <= now:
            raise StatusError(
                Code.DEADLINE_EXCEEDED,
                f"{called.method.name} was not called: the deadline had passed before",
            )
        subject = called.subject or fill(called.template, request)
        lines = None
        if metadata or idempotency_key is not None:
            lines = header_lines(connection, metadata, idempotency_key)
        body = request.SerializeToString()
        send = hedged if called.hedged else attempt
        if breaker is not None and breaker.state:
            probe = breaker.admit(now)
        admitted = True
        called.budget.deposit()
        try:
            response = await send(
                connection, called, subject, body, lines, now, until, info, span is False
            )
        except StatusError as failure:
            retries = Retries(
                connection,
                called,
                repeatable=called.repeatable or (called.replayed and is_keyed(lines)),
                until=until,
                wait_for_ready=wait_for_ready,
            )
            error = failure
            while True:
                now = await retries.pause_after(error)
                try:
                    response = await send(
                        connection, called, subject, body, lines, now, until, info, span is False
                    )
                    break
                except StatusError as failure_again:
                    error = failure_again
    except BaseException as failed:
        if isinstance(failed, StatusError):
            failed.method = called.full_name
        if admitted and breaker is not None:
            breaker.ended(failed, clock(), connected=connection.is_connected, probe=probe)
        if counted:
            code = code_of(failed)
            called.calls.finish(code, clock() - started)
            if span:
                span.end(code, getattr(failed, "message", ""))
        raise
    if breaker is not None:
        breaker.succeeded(now, probe)
    if counted:
        called.calls.finish(0, clock() - started)
        if span:
            span.end(0, "")
    return response


def code_of(error: BaseException) -> int:
    """The status that a call which ended with an error is counted with."""
    if isinstance(error, StatusError):
        return int(error.code)
    return int(Code.CANCELLED if isinstance(error, asyncio.CancelledError) else Code.INTERNAL)
