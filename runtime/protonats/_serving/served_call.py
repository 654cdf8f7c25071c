"""One call on the side of the instance: from the request to exactly one answer."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from typing import Final

from google.protobuf.message import DecodeError

from protonats import deadline
from protonats._info import MethodKind
from protonats._serving.endpoint import Endpoint
from protonats._transport.message import Message
from protonats._transport.transport import Transport
from protonats._wire import call, headers, metadata, status, subjects
from protonats.errors import Code, StatusError
from protonats.metrics import Metrics
from protonats.server import CallContext

_logger = logging.getLogger("protonats")

_SUCCESS: Final = 0


class ServedCall:
    """A request that is being handled.

    Whoever comes first answers: the handler, its deadline, or the end of the instance. All others
    find the call answered.
    """

    __slots__ = (
        "_answered",
        "_call_id",
        "_endpoint",
        "_instance",
        "_message",
        "_metrics",
        "_received",
        "_started",
        "_task",
        "_transport",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        message: Message,
        transport: Transport,
        metrics: Metrics,
        instance: Mapping[str, str],
    ) -> None:
        """
        Args:
            endpoint: The method that is called.
            message: The request.
            transport: Where to answer.
            metrics: Where to count.
            instance: Who handles the call, as fields of log lines.
        """
        self._endpoint = endpoint
        self._instance = instance
        self._call_id = ""
        self._message = message
        self._transport = transport
        self._metrics = metrics
        self._received = asyncio.get_running_loop().time()
        self._started = False
        self._answered = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Handles the call in a task of its own, which never fails."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        return self._task

    def fail(self, error: StatusError) -> None:
        """Answers with a status, unless there is an answer already."""
        if self._answered:
            return
        lines, body = status.encode(error)
        # A status whose details make it too large still arrives, with code and message.
        if not self._publish(body, lines) and not self._publish(b"", lines):
            self._metrics.dropped("answer")
        self._finish(error.code, f"{int(error.code)}: {lines[headers.ERROR]}")

    def stop(self, error: StatusError) -> None:
        """Answers with a status, and cancels the handler."""
        self.fail(error)
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            payload = await self._respond()
            if payload is not None:
                self._succeed(payload)
        except StatusError as error:
            self._fail_with(error)
        except asyncio.CancelledError as error:
            if self._answered:
                return
            if self._task is not None and self._task.cancelling():
                self.fail(StatusError(Code.UNAVAILABLE, "the instance stops"))
                raise
            self._crash(error)
        except BaseException as error:
            # SystemExit in a handler is a defect of one call, and no reason to end all others.
            self._crash(error)

    async def _respond(self) -> bytes | None:
        """The answer's body; None for a request that is dropped because nobody waits any more.

        Raises:
            StatusError: What the request's sender did wrong, or what the handler raised.
        """
        message, method = self._message, self._endpoint.method
        header = _call_header(message)
        self._call_id = header.call_id
        milliseconds = header.remaining_ms
        until = self._received + (method.timeout if milliseconds is None else milliseconds / 1000)
        loop = asyncio.get_running_loop()
        if loop.time() >= until:
            self._metrics.dropped("expired")
            return None
        self._begin()
        if method.kind is not MethodKind.UNARY:
            raise StatusError(
                Code.UNIMPLEMENTED,
                f"{method.name} is a {method.kind.value}: this instance serves unary calls",
            )
        key = message.headers.get(headers.IDEMPOTENCY_KEY)
        if key is not None:
            metadata.check_text(key, "an idempotency key")
        try:
            request = method.request.FromString(message.body)
        except DecodeError:
            raise StatusError(
                Code.INVALID_ARGUMENT,
                f"the body cannot be read as {method.request.DESCRIPTOR.full_name}",
            ) from None
        self._endpoint.template.check(
            message.subject, lambda field: subjects.field_value(request, field)
        )
        if self._endpoint.check is not None:
            self._endpoint.check(request)
        trace = None if header.trace is None else header.trace.traceparent
        context = CallContext(
            method=method,
            call_id=header.call_id,
            metadata=metadata.read(message.headers),
            idempotency_key=key,
            trace=trace,
            deadline=until,
        )
        timer = loop.call_at(until, self._expire)
        try:
            with deadline.scope(until, trace):
                response = await self._endpoint.handler(request, context)
        finally:
            timer.cancel()
        if not isinstance(response, method.response):
            raise TypeError(
                f"the handler of {method.name} returned {type(response).__name__} instead of"
                f" {method.response.DESCRIPTOR.full_name}"
            )
        return response.SerializeToString()

    def _expire(self) -> None:
        self.stop(
            StatusError(Code.DEADLINE_EXCEEDED, "the deadline passed while the call was handled")
        )

    def _succeed(self, payload: bytes) -> None:
        if self._answered:
            return
        try:
            self._transport.publish(self._message.reply, payload)
        except StatusError as error:
            self.fail(error)
        else:
            self._finish(_SUCCESS, "")

    def _fail_with(self, error: StatusError) -> None:
        try:
            self.fail(error)
        except Exception as defect:
            # For example details that are no messages.
            self._crash(defect)

    def _crash(self, error: BaseException) -> None:
        """Logs an exception that nobody expected, and answers with its id."""
        error_id = secrets.token_hex(8)
        method = self._endpoint.method
        _logger.error(
            "%s raised an exception that is no status; error id %s",
            method.name,
            error_id,
            exc_info=error,
            extra={**self._instance, "call_id": self._call_id},
        )
        self.fail(status.internal(error_id))

    def _publish(self, body: bytes, lines: dict[str, str]) -> bool:
        try:
            self._transport.publish(self._message.reply, body, block=headers.encode(lines))
        except StatusError:
            return False
        return True

    def _begin(self) -> None:
        if not self._started:
            self._started = True
            self._metrics.server_started(self._endpoint.method.key)

    def _finish(self, code: int, error: str) -> None:
        self._begin()
        self._answered = True
        seconds = asyncio.get_running_loop().time() - self._received
        self._metrics.server_handled(self._endpoint.method.key, code, seconds)
        stats = self._endpoint.stats
        stats.requests += 1
        stats.processing_seconds += seconds
        if error:
            stats.errors += 1
            stats.last_error = error


def _call_header(message: Message) -> call.CallHeader:
    value = message.headers.get(headers.CALL)
    if value is None:
        return call.CallHeader(secrets.token_hex(16), None)
    return call.decode(value)
