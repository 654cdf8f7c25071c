"""What is noted about a streaming call of a client: its metrics, its span, and `CallInfo`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from protonats._info import MethodInfo
from protonats._wire import metadata
from protonats._wire.call import Trace
from protonats.call_info import CallInfo
from protonats.connection import Connection
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats._telemetry.spans import LiveSpan


class CallRecord:
    """The record of one call; all of it is told in the order in which it happens."""

    __slots__ = ("_connection", "_info", "_method", "_span", "_started")

    def __init__(
        self, connection: Connection, method: MethodInfo[Any, Any], info: CallInfo | None
    ) -> None:
        """
        Args:
            connection: Where the call is made.
            method: What is called.
            info: What the caller wants to be filled in.
        """
        self._connection = connection
        self._method = method
        self._info = info
        self._span: LiveSpan | None = None
        self._started = 0.0

    def begin(self, trace: Trace | None) -> Trace | None:
        """The call begins; returns the trace context that travels, by default `trace`."""
        connection = self._connection
        self._started = connection._clock()
        connection.metrics.client_calls(self._method.key).started += 1
        if connection.telemetry is not None:
            self._span, trace = connection.telemetry.stream(self._method)
        return trace

    def attempt(self, call_id: str) -> None:
        """A request is sent."""
        if self._info is not None:
            self._info.attempts += 1
            self._info.call_id = call_id

    def retry(self, error: StatusError) -> None:
        """It failed, and another one follows."""
        if self._span is not None:
            self._span.note("retry", error.code.name)

    def accepted(self, instance: str) -> None:
        """An instance has accepted the call."""
        if self._info is not None:
            self._info.instance = instance

    def metadata(self, lines: Mapping[str, str]) -> None:
        """The first headers of the response have come."""
        if self._info is not None and not self._info.metadata:
            self._info.metadata = metadata.read(lines)

    def trailers(self, lines: Mapping[str, str]) -> None:
        """The headers of the end have come."""
        if self._info is not None:
            self._info.trailers = metadata.read(lines)

    def end(self, error: BaseException | None, *, sent: int, received: int) -> None:
        """The call is over.

        Args:
            error: What it failed with.
            sent: How many messages were sent.
            received: How many messages have come.
        """
        code = 0
        if error is not None:
            code = int(error.code if isinstance(error, StatusError) else Code.CANCELLED)
        calls = self._connection.metrics.client_calls(self._method.key)
        calls.finish(code, self._connection._clock() - self._started)
        if self._span is not None:
            text = error.message if isinstance(error, StatusError) else ""
            self._span.end_stream(code, text, sent=sent, received=received)
