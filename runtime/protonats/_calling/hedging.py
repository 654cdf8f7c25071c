"""A second request while the first is late: for methods that only read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from google.protobuf.message import Message

from protonats._calling.attempt import attempt
from protonats._calling.methods import CalledMethod
from protonats._calling.retry import NO_INSTANCE, reason_to_retry
from protonats.call_info import CallInfo
from protonats.connection import Connection


async def hedged(
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
    """As `attempt`, with more requests while none is answered; the first answer counts.

    The next request is sent when the method's delay has passed without an answer, and at once when
    one failed in a way that another instance may not. Each takes a token of the retry budget. A
    failure that trying again would not change ends the call. The requests that are left over then
    are cancelled.
    """
    hedging = called.method.hedging
    assert hedging is not None
    infos: dict[asyncio.Task[Message], CallInfo | None] = {}

    def send(now: float) -> asyncio.Task[Message]:
        own = None
        if info is not None:
            info.attempts += 1
            own = CallInfo()
        request = attempt(connection, called, subject, body, lines, now, until, own, untraced)
        task = asyncio.create_task(request)
        infos[task] = own
        return task

    running = {send(now)}
    sent, limit = 1, hedging.max_attempts
    try:
        while True:
            done, running = await asyncio.wait(
                running,
                timeout=hedging.delay if sent < limit else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            wants_another = not done
            for task in sorted(done, key=_is_failure):
                error = task.exception()
                reason = reason_to_retry(error, called, called.repeatable)
                if reason is None:
                    _adopt(info, infos[task])
                    return task.result()
                wants_another = wants_another or reason != NO_INSTANCE
            now = asyncio.get_running_loop().time()
            if wants_another and sent < limit and (until is None or now < until):
                if called.budget.take():
                    connection.metrics.client_hedged(called.key)
                    if connection.telemetry is not None:
                        connection.telemetry.note("hedge", "failed" if done else "late")
                    running.add(send(now))
                    sent += 1
                else:
                    connection.metrics.retry_budget_exhausted(called.key)
                    limit = sent
            if not running:
                last = done.pop()
                _adopt(info, infos[last])
                return last.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _is_failure(task: asyncio.Task[Message]) -> bool:
    return task.exception() is not None


def _adopt(info: CallInfo | None, own: CallInfo | None) -> None:
    """Tells the caller about the request that counted."""
    if info is not None and own is not None:
        info.call_id = own.call_id
        info.metadata, info.trailers = own.metadata, own.trailers
        info.instance, info.replayed = own.instance, own.replayed
