"""When a failed call is made again: section 10 of the wire protocol."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Final

from google.rpc import error_details_pb2

from protonats._calling.methods import CalledMethod
from protonats.connection import Connection
from protonats.errors import Code, StatusError

NO_INSTANCE: Final = "no_instance"
"""Why a call may be made again: there is no instance, or no connection."""

_FIRST_POLL: Final = 0.05
_LAST_POLL: Final = 1.0
"""Seconds between two looks for an instance, at first and in the end."""

_LONGEST_DELAY: Final = 60.0
"""Seconds for which a service may ask a call without a deadline to wait; whoever asks for more is
not called again."""


class Retries:
    """The retries of one call; made when its first attempt has failed.

    Attributes:
        left: How many attempts may follow.
    """

    def __init__(
        self,
        connection: Connection,
        called: CalledMethod,
        *,
        repeatable: bool,
        until: float | None,
        wait_for_ready: bool,
    ) -> None:
        policy = called.method.retry
        self.left = policy.max_attempts - 1
        self._connection = connection
        self._called = called
        self._repeatable = repeatable
        self._until = until
        self._wait_for_ready = wait_for_ready
        self._first = True
        self._poll = _FIRST_POLL
        self._ceiling = policy.initial_backoff
        self._multiplier = policy.multiplier
        self._max_backoff = policy.max_backoff

    def next_pause(self, error: StatusError) -> float | None:
        """Seconds until the next attempt, after one that failed with `error`; None if that is
        final."""
        first, self._first = self._first, False
        connection = self._connection
        if connection.is_closed or connection._draining:
            return None
        left = self._time_left()
        reason = reason_to_retry(error, self._called, self._repeatable)
        if self._wait_for_ready and reason == NO_INSTANCE:
            return self._pause_until_ready(left)
        if reason is None or self.left <= 0:
            return None
        # A caller without a connection hears of it at once; one that lost it tries for a while.
        if first and error.unhandled and not connection.is_connected:
            return None
        asked = server_delay(error)
        if left is None and asked > _LONGEST_DELAY:
            return None
        pause = max(random.random() * min(self._ceiling, self._max_backoff), asked)
        self._ceiling = min(self._ceiling * self._multiplier, self._max_backoff)
        if left is not None and pause >= left:
            return None
        if not self._called.budget.take():
            connection.metrics.retry_budget_exhausted(self._called.key)
            return None
        self.left -= 1
        connection.metrics.client_retried(self._called.key, reason)
        return pause

    async def pause_after(self, error: StatusError) -> float:
        """Waits until the next attempt, after one that failed with `error`; returns the event
        loop's time.

        Raises:
            StatusError: `error`, if it is final; DEADLINE_EXCEEDED, if neither a connection nor an
                instance came in time.
        """
        pause = self.next_pause(error)
        if pause is None:
            raise error
        if self._connection.telemetry is not None:
            self._connection.telemetry.note("retry", error.code.name)
        await self._sleep(pause)
        now = asyncio.get_running_loop().time()
        if self._until is not None and now >= self._until:
            text = f"{error.message}, and that did not change before the deadline"
            raise StatusError(Code.DEADLINE_EXCEEDED, text)
        return now

    async def _sleep(self, pause: float) -> None:
        connection = self._connection
        if not self._wait_for_ready or connection.is_connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await connection.closed.wait()
            return
        news = asyncio.Event()
        connection._on_restored.add(news.set)
        connection._on_lost.add(news.set)
        try:
            async with asyncio.timeout(pause):
                await news.wait()
        except TimeoutError:
            pass
        finally:
            connection._on_restored.discard(news.set)
            connection._on_lost.discard(news.set)

    def _time_left(self) -> float | None:
        if self._until is None:
            return None
        return self._until - asyncio.get_running_loop().time()

    def _pause_until_ready(self, left: float | None) -> float | None:
        pause = self._poll
        self._poll = min(2 * pause, _LAST_POLL)
        if left is None:
            return pause
        return min(pause, left) if left > 0 else None


def reason_to_retry(
    error: BaseException | None, called: CalledMethod, repeatable: bool
) -> str | None:
    """Why a call may be made again after a failure, as a word for metrics; None if it may not.

    Args:
        error: The failure, if it is one.
        called: The method.
        repeatable: Whether the call may be handled twice.
    """
    if not isinstance(error, StatusError):
        return None
    if error.unhandled:
        return NO_INSTANCE if error.code is Code.UNAVAILABLE else "refused"
    if not repeatable:
        return None
    if error.code is Code.UNAVAILABLE:
        return "unavailable"
    if error.code is Code.DEADLINE_EXCEEDED and called.attempt_timeout is not None:
        return "attempt_timeout"
    return None


def server_delay(error: StatusError) -> float:
    """How many seconds the service wants to be left alone; 0 if it says nothing."""
    for detail in error.details:
        if isinstance(detail, error_details_pb2.RetryInfo):
            seconds: float = detail.retry_delay.ToNanoseconds() / 1e9
            return seconds
    return 0.0
