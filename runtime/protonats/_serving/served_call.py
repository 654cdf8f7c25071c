"""One unary call on the side of the instance: from the request to at most one answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError, Message

from protonats import deadline
from protonats._serving.refusal import lines_of
from protonats._serving.responses import no_response
from protonats._serving.served import SUCCESS, Served
from protonats._transport.message import Message as NatsMessage
from protonats._wire import headers, metadata, subjects
from protonats._wire.call import CallHeader
from protonats._wire.idempotency import KeyedRequest
from protonats.errors import Code, StatusError
from protonats.server import CallContext

if TYPE_CHECKING:
    from protonats._serving.endpoint import Endpoint
    from protonats._serving.serving import Serving
    from protonats._telemetry.spans import LiveSpan
    from protonats._timers import Timer


class ServedCall(Served):
    """A request that is being handled."""

    __slots__ = (
        "_context",
        "_endpoint",
        "_header",
        "_message",
        "_over",
        "_received",
        "_serving",
        "_span",
        "_started",
        "_task",
        "_timer",
        "_until",
        "_waited",
        "ended",
    )

    def __init__(
        self, endpoint: Endpoint, message: NatsMessage, header: CallHeader, serving: Serving
    ) -> None:
        """
        Args:
            endpoint: The method that is called.
            message: The request.
            header: Its call header.
            serving: What the calls of the instance share.
        """
        self._endpoint = endpoint
        self._message = message
        self._header = header
        self._serving = serving
        self._received = received = serving.loop.time()
        milliseconds = header.remaining_ms
        if milliseconds is None:
            timeout = endpoint.method.timeout
            self._until = None if timeout is None else received + timeout
        else:
            self._until = received + milliseconds / 1000
        self._started = False
        self._waited = False
        self.ended = False
        self._over = False
        """Whether the handler has come to its end, too."""
        self._context: CallContext | None = None
        self._span: LiveSpan | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: Timer | None = None

    def fail(self, error: StatusError) -> None:
        """Answers with a status, unless the call has ended."""
        if self.ended:
            return
        try:
            lines, body = lines_of(error)
            text = f"{int(error.code)}: {lines[headers.ERROR]}"
            lines = self._with_metadata(lines)
        except Exception as defect:
            # For example details that are no messages.
            self._crash(defect)
            return
        if self._waited:
            self._serving.cancellations.unregister(self._header.call_id)
        # A status whose details make it too large still arrives, with code and message.
        if not self._publish(body, lines) and not self._publish(b"", lines):
            self._serving.metrics.dropped("answer")
        self.ended = True
        self._end(error.code, text)

    def abandon(self, error: StatusError) -> None:
        """Answers with a status in place of running a call that has its place already."""
        self.fail(error)
        self._serving.release(self._endpoint)

    def stop(self, error: StatusError) -> None:
        """Answers with a status, and cancels the handler."""
        self.fail(error)
        if self._goes_on() and self._task is not None:
            self._task.cancel()

    def cancel(self) -> None:
        """Cancels the handler, and answers nothing: the caller has gone."""
        if not self.ended:
            self.ended = True
            self._end(Code.CANCELLED, f"{int(Code.CANCELLED)}: the caller cancelled the call")
            self._cancel_handler()

    def drop(self, reason: str) -> None:
        """Ends a call whose handler was not begun, without an answer, and counts why."""
        self.ended = True
        self._serving.metrics.dropped(reason)

    async def run(self, task: asyncio.Task[None]) -> None:
        """Handles the call. It never fails, and ends with CancelledError if `task` is cancelled,
        which runs it and other calls."""
        endpoint, serving, header = self._endpoint, self._serving, self._header
        self._task = task
        try:
            until = self._until
            if not serving.cancellations.admits(header.call_id):
                self.ended = True
                return
            if until is not None and serving.loop.time() >= until:
                self.drop("expired")
                return
            # The watchdog reads it.
            if task.get_name() is not endpoint.task_name:
                task.set_name(endpoint.task_name)
            self._started = True
            endpoint.counts.started += 1
            telemetry = serving.connection.telemetry
            if telemetry is not None:
                self._span = telemetry.serve(endpoint.method, header, until, serving.instance_id)
            request = self._read()
            context = self._context = self._context_of(self._message)
            if telemetry is None:
                deadline.enter(until, header.trace, header.call_id)
            response = await endpoint.handler(request, context)
            if not self.ended:
                self._succeed(response, context)
        except BaseException as error:
            if self._end_by(error, task):
                raise
        finally:
            self._over = True
            if self._timer is not None:
                self._timer.cancel()
            serving.release(endpoint)

    def waits(self) -> None:
        """Takes note that the handler waits for something: from now on, its deadline or its caller
        may be first. Most handlers never wait, and none of this is done for them."""
        self._waited = True
        serving = self._serving
        serving.cancellations.register(self._header.call_id, self.cancel)
        if self._until is not None:
            self._timer = serving.timers.at(self._until, self._expire)

    def _read(self) -> Message:
        """The request.

        Raises:
            StatusError: INVALID_ARGUMENT, what the request's sender did wrong.
        """
        endpoint, message = self._endpoint, self._message
        try:
            request = endpoint.method.request.FromString(message.body)
        except DecodeError:
            raise StatusError(
                Code.INVALID_ARGUMENT,
                f"the body cannot be read as {endpoint.method.request.DESCRIPTOR.full_name}",
            ) from None
        if endpoint.template.parameters:
            endpoint.template.check(
                message.subject, lambda field: subjects.field_value(request, field)
            )
        if endpoint.check is not None:
            endpoint.check(request)
        return request

    def _context_of(self, message: NatsMessage) -> CallContext:
        header, endpoint = self._header, self._endpoint
        context = CallContext(
            method=endpoint.method,
            call_id=header.call_id,
            trace=header.trace,
            deadline=self._until,
        )
        # A call header is the only line of most calls.
        if message.block.count(b"\n") > 3:
            lines = message.headers
            context.metadata = metadata.read(lines)
            key = lines.get(headers.IDEMPOTENCY_KEY)
            if key is not None:
                metadata.check_text(key, "an idempotency key")
                context.idempotency_key = key
                if endpoint.replays:
                    context._keyed = KeyedRequest.of(endpoint.task_name, lines, key, message.body)
        if endpoint.requires_key and context.idempotency_key is None:
            raise StatusError(
                Code.INVALID_ARGUMENT,
                f"{endpoint.method.name} is called with an idempotency key only",
            )
        return context

    def _expire(self) -> None:
        self.fail(
            StatusError(Code.DEADLINE_EXCEEDED, "the deadline passed while the call was handled")
        )
        self._cancel_handler()

    def _goes_on(self) -> bool:
        return self._started and not self._over

    def _succeed(self, response: Message, context: CallContext) -> None:
        method, serving = self._endpoint.method, self._serving
        if not isinstance(response, method.response):
            raise no_response(method, response)
        payload = response.SerializeToString()
        lines: dict[str, str] | None = None
        block = b""
        if context._response_metadata or context._trailers or context._replayed:
            lines = self._with_metadata({})
            block = headers.encode(lines)
        call_id = self._header.call_id
        if self._waited:
            # The answer decides: to cancel the call has no effect any more.
            serving.cancellations.unregister(call_id)
        try:
            if len(block) + len(payload) <= serving.transport.max_payload:
                serving.transport.send(self._message.reply, "", block, payload)
            else:
                remaining = None if self._until is None else self._until - serving.loop.time()
                reply = self._message.reply
                serving.large.answer(reply, payload, lines or {}, call_id, remaining)
        except StatusError as error:
            self.fail(error)
        else:
            self.ended = True
            self._end(SUCCESS, "")

    def _with_metadata(self, lines: dict[str, str]) -> dict[str, str]:
        """The lines of an answer, and what the handler wants to travel with it."""
        context = self._context
        if context is None:
            return lines
        if context._replayed:
            lines = {**lines, headers.REPLAYED: "1"}
        if not context._response_metadata and not context._trailers:
            return lines
        return {**metadata.lines(context._response_metadata, context._trailers), **lines}

    def _publish(self, body: bytes, lines: dict[str, str]) -> bool:
        try:
            block = headers.encode(lines)
            self._serving.transport.send(self._message.reply, "", block, body)
        except StatusError:
            return False
        return True

    def _end_span(self, span: LiveSpan, code: int, error: str) -> None:
        span.end(code, error)
