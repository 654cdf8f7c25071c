"""The policies of a stream while it opens: an open stream is never made again."""

from __future__ import annotations

import asyncio

from protonats._calling.methods import CalledMethod
from protonats._calling.retry import Retries
from protonats.connection import Connection
from protonats.errors import StatusError


class Opening:
    """One stream that is about to open; for the stream's own use, once."""

    __slots__ = ("_called", "_connection", "_probe", "_retries", "_until", "_wait_for_ready")

    def __init__(
        self,
        connection: Connection,
        called: CalledMethod,
        *,
        until: float | None,
        wait_for_ready: bool,
    ) -> None:
        self._connection = connection
        self._called = called
        self._until = until
        self._wait_for_ready = wait_for_ready
        self._probe = False
        self._retries: Retries | None = None

    def begin(self) -> None:
        """Goes through the breaker, before the first attempt.

        Raises:
            StatusError: UNAVAILABLE, if it is open.
        """
        breaker = self._called.breaker
        if breaker is not None and breaker.state:
            self._probe = breaker.admit(_now())
        self._called.budget.deposit()

    def next_pause(self, error: StatusError) -> float | None:
        """Seconds until the next attempt, after one that failed with `error`; None if that is
        final. No stream is opened twice that was perhaps begun."""
        if self._retries is None:
            self._retries = Retries(
                self._connection,
                self._called,
                repeatable=False,
                until=self._until,
                wait_for_ready=self._wait_for_ready,
            )
        return self._retries.next_pause(error)

    def succeeded(self) -> None:
        """Notes that an instance has accepted the stream."""
        breaker = self._called.breaker
        if breaker is not None:
            breaker.succeeded(_now(), self._probe)

    def failed(self, error: BaseException | None) -> None:
        """Notes that the stream was not opened; None: because its caller ended it before."""
        breaker = self._called.breaker
        if breaker is not None:
            connected = self._connection.is_connected
            breaker.ended(error, _now(), connected=connected, probe=self._probe)


def _now() -> float:
    return asyncio.get_running_loop().time()
