"""What calls of all kinds have in common on the side of the instance: how they end."""

from __future__ import annotations

import asyncio
import logging
import secrets
from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from protonats._wire import status
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats._serving.endpoint import Endpoint
    from protonats._serving.serving import Serving
    from protonats._telemetry.spans import LiveSpan
    from protonats._transport.message import Message as NatsMessage
    from protonats._wire.call import CallHeader
    from protonats.server import CallContext

_logger = logging.getLogger("protonats")

SUCCESS: Final = 0

_STUBBORN_AFTER: Final = 1.0
"""Seconds after which a handler that goes on although it was cancelled is reported."""

_PASSED_ON: Final = frozenset(
    {Code.CANCELLED, Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED}
)
"""Statuses of a handler's own calls that say as much to its caller: come back later, or not."""


class Served:
    """A call that is being handled, of any kind.

    Whoever comes first ends it: the handler, its deadline, its caller, the end of the instance, and
    of a stream a frame that breaks a rule, or the connection. All others find it ended.
    """

    __slots__ = ()

    ended: bool
    _context: CallContext | None
    _endpoint: Endpoint
    _header: CallHeader
    _message: NatsMessage
    _received: float
    _serving: Serving
    _span: LiveSpan | None
    _started: bool
    _task: asyncio.Task[None] | None

    @abstractmethod
    def fail(self, error: StatusError) -> None:
        """Ends the call with a status, unless it is over."""

    @abstractmethod
    def _goes_on(self) -> bool:
        """Whether the handler was begun and has not ended."""

    @abstractmethod
    def _end_span(self, span: LiveSpan, code: int, error: str) -> None:
        """Ends the call's span."""

    def _end_by(self, error: BaseException, task: asyncio.Task[None]) -> bool:
        """Ends the call with what its handler raised in `task`, or what was done to the task;
        whether the task is to end, too."""
        if isinstance(error, asyncio.CancelledError):
            if self.ended:
                return False
            if task.cancelling():
                # The end of the event loop, or the handler itself.
                text = "the task of the handler was cancelled"
                self.fail(StatusError(Code.UNAVAILABLE, text))
                return True
        if not isinstance(error, StatusError) or (error.method and error.code not in _PASSED_ON):
            # SystemExit in a handler is a defect of one call, and no reason to end all others. And
            # what another service says of its own call is nothing that this one can say of its own.
            self._crash(error)
            return False
        try:
            self.fail(error)
        except Exception as defect:
            # For example details that are no messages.
            self._crash(defect)
        return False

    def _crash(self, error: BaseException) -> None:
        """Logs an exception that nobody expected, and ends the call with its id."""
        error_id = secrets.token_hex(8)
        _logger.error(
            "%s raised an exception that is no status of its own; error id %s",
            self._endpoint.method.name,
            error_id,
            exc_info=error,
            extra=self._log_fields(),
        )
        if self._span is not None:
            self._span.crashed(error)
        self.fail(status.internal(error_id))

    def _cancel_handler(self) -> None:
        if self._task is not None and self._goes_on():
            self._task.cancel()
            self._serving.timers.at(self._serving.loop.time() + _STUBBORN_AFTER, self._report)

    def _report(self) -> None:
        if self._goes_on():
            _logger.warning(
                "the handler of %s goes on although it was cancelled %g s ago",
                self._endpoint.method.name,
                _STUBBORN_AFTER,
                extra=self._log_fields(),
            )

    def _log_fields(self) -> dict[str, str]:
        return {**self._serving.log_fields, "call_id": self._header.call_id}

    def _end(self, code: int, error: str) -> None:
        """Counts the call, and lets it leave its record.

        Args:
            code: Its status.
            error: The status as discovery shows it, `13: internal error …`; empty for a success.
        """
        endpoint = self._endpoint
        if not self._started:
            endpoint.counts.started += 1
        seconds = self._serving.loop.time() - self._received
        endpoint.counts.finish(code, seconds)
        stats = endpoint.stats
        stats.requests += 1
        stats.processing_seconds += seconds
        if self._context is not None:
            stats.recent_seconds += (seconds - stats.recent_seconds) / 16
        if error:
            stats.errors += 1
            stats.last_error = error
        if endpoint.method.audit:
            self._serving.audit.write(endpoint, self._header, self._message.reply, code)
        if self._span is not None:
            self._end_span(self._span, code, error)
