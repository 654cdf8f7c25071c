"""One call with streams on the side of the instance: from the request to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtobufMessage

from protonats import deadline
from protonats._info import MethodKind
from protonats._serving.refusal import lines_of
from protonats._serving.served import SUCCESS, Served
from protonats._serving.stream_handler import StreamHandler
from protonats._streaming.stream import Stream
from protonats._transport.message import Message
from protonats._wire import call, frames, headers, metadata, status, stream_header, subjects
from protonats._wire.parts import INSTANCE
from protonats.errors import Code, StatusError
from protonats.server import CallContext

if TYPE_CHECKING:
    from protonats._serving.endpoint import Endpoint
    from protonats._serving.serving import Serving
    from protonats._telemetry.spans import LiveSpan


class ServedStream(Served, Stream):
    """A call with streams that is being handled."""

    __slots__ = (
        "_accepted",
        "_context",
        "_endpoint",
        "_header",
        "_message",
        "_received",
        "_serving",
        "_span",
        "_started",
        "_task",
    )

    def __init__(
        self, endpoint: Endpoint, message: Message, header: call.CallHeader, serving: Serving
    ) -> None:
        """
        Args:
            endpoint: The method that is called.
            message: The request.
            header: Its call header.
            serving: What the calls of the instance share.
        """
        method, connection = endpoint.method, serving.connection
        one_request = method.kind is MethodKind.SERVER_STREAM
        super().__init__(
            connection,
            method.request,
            serving.metrics.streams("server", method.key),
            malformed=Code.INVALID_ARGUMENT,
            check=endpoint.check,
            messages=1 if one_request else connection._settings.stream_messages,
        )
        self._endpoint = endpoint
        self._message = message
        self._header = header
        self._serving = serving
        self._received = serving.loop.time()
        self._context: CallContext | None = None
        self._span: LiveSpan | None = None
        self._task: asyncio.Task[None] | None = None
        self._started = False
        self._accepted = False

    def start(self) -> asyncio.Task[None]:
        """Handles the call in a task of its own, which never fails."""
        self._task = self._serving.loop.create_task(self._run(), name=self._endpoint.task_name)
        return self._task

    def fail(self, error: StatusError) -> None:
        """Ends the call with a status, unless it is over."""
        if self.ended:
            return
        lines, body = lines_of(error)
        # What the handler has sent before comes before the status.
        self.ended = True
        self.sender.flush()
        if self._accepted:
            lines |= self._end_lines()
        # A status whose details make it too large still arrives, with code and message.
        if not self._answer(body, lines) and not self._answer(b"", lines):
            self._serving.metrics.dropped("answer")
        self._finish(int(error.code), f"{int(error.code)}: {lines[headers.ERROR]}")

    def stop(self, error: StatusError) -> None:
        """Ends the call with a status, unless it is over, and cancels the handler."""
        self.fail(error)
        self._cancel_handler()

    def cancel(self) -> None:
        """Ends the call, unless it is over, and answers nothing: the caller has gone."""
        self.lose(StatusError(Code.CANCELLED, "the caller cancelled the call"))

    def drop(self, reason: str) -> None:
        """Ends a call whose handler was not begun, without an answer, and counts why."""
        self.ended = True
        self._serving.metrics.dropped(reason)
        self._serving.cancellations.unregister(self._header.call_id)

    def abort(self, error: StatusError) -> None:
        """Ends the call with a status, unless it is over, and cancels the handler."""
        self.stop(error)

    def _refuse_message(self, error: StatusError) -> None:
        # The handler asked for the message, and is given the error.
        self.fail(error)

    def lose(self, error: StatusError) -> None:
        """Ends the call, unless it is over, and sends nothing: nobody listens."""
        if not self.ended:
            self.ended = True
            # The text may be the caller's.
            text = status.header_text(error.message, default=error.code.name)
            self._finish(int(error.code), f"{int(error.code)}: {text}")
            self._cancel_handler()

    async def _run(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if self._accept():
                await self._handle()
                self._succeed()
        except BaseException as error:
            if self._end_by(error, task):
                raise

    def _accept(self) -> bool:
        """Accepts the call; False for one that is dropped because nobody waits any more.

        Raises:
            StatusError: What the request's sender did wrong.
        """
        serving, message, method = self._serving, self._message, self._endpoint.method
        call_id = self._header.call_id
        until = self._until()
        if until is not None and serving.loop.time() >= until:
            self.drop("expired")
            return False
        self._started = True
        self._endpoint.counts.started += 1
        telemetry = serving.connection.telemetry
        if telemetry is not None:
            self._span = telemetry.serve(method, self._header, until, serving.instance_id)
        lines = message.headers
        peer = stream_header.decode(lines.get(stream_header.STREAM))
        key = lines.get(headers.IDEMPOTENCY_KEY)
        if key is not None:
            metadata.check_text(key, "an idempotency key")
        elif self._endpoint.requires_key:
            text = f"{method.name} is called with an idempotency key only"
            raise StatusError(Code.INVALID_ARGUMENT, text)
        self._take_carried(peer.carried)
        self._context = CallContext(
            method=method,
            call_id=call_id,
            metadata=metadata.read(lines),
            idempotency_key=key,
            trace=self._header.trace,
            deadline=until,
        )
        serving.follow_ups.register(call_id, self.receive)
        self._begin(message.reply, peer)
        self._accepted = True
        self._connection._streams.add(self)
        self.forgive(serving.loop.time())
        accepting = {
            INSTANCE: serving.instance_id,
            stream_header.STREAM: stream_header.encode(self._announcement()),
        }
        self._send(b"", headers.encode(accepting))
        return True

    def _until(self) -> float | None:
        milliseconds, timeout = self._header.remaining_ms, self._endpoint.method.timeout
        if milliseconds is not None:
            return self._received + milliseconds / 1000
        return None if timeout is None else self._received + timeout

    def _take_carried(self, carried: int) -> None:
        """Takes the message of the request, if it has one."""
        message, template = self._message, self._endpoint.template
        if carried:
            if template.parameters:
                request = self._decode(message.body)
                template.check(message.subject, lambda field: subjects.field_value(request, field))
            self.receiver.carried(message.body)
            if self._endpoint.method.kind is MethodKind.SERVER_STREAM:
                # It is the only one.
                self.receiver.stop_granting()
        elif message.body or template.parameters:
            what = "has a body, and says" if message.body else "has fields in its subject, and says"
            raise StatusError(
                Code.INVALID_ARGUMENT, f"the request {what} that it carries no message"
            )

    def _decode(self, body: bytes) -> ProtobufMessage:
        kind = self._endpoint.method.request
        try:
            return kind.FromString(body)
        except DecodeError:
            raise StatusError(
                Code.INVALID_ARGUMENT, f"the body cannot be read as {kind.DESCRIPTOR.full_name}"
            ) from None

    async def _handle(self) -> None:
        context, timers = self._context, self._serving.timers
        assert context is not None
        until = context.deadline
        timer = None if until is None else timers.at(until, self._expire)
        try:
            if self._connection.telemetry is None:
                deadline.enter(until, self._header.trace, context.call_id)
            handler = StreamHandler(self._endpoint, self.receiver, self.sender, self._send_metadata)
            await handler.run(context)
        finally:
            if timer is not None:
                timer.cancel()

    def _send_metadata(self, lines: Mapping[str, str]) -> None:
        if not self.ended:
            self._send(frames.KEEPALIVE_FRAME, headers.encode(lines))

    def _receive_headers(self, message: Message) -> bool:
        lines = message.headers
        if headers.ERROR_CODE in lines:
            error = status.decode(lines, message.body)
            self.lose(StatusError(error.code, "the caller ended the call: " + error.message))
            return False
        if stream_header.END in lines:
            self.receiver.end(stream_header.decode_end(lines[stream_header.END]))
            return False
        return True

    def _expire(self) -> None:
        self.stop(
            StatusError(Code.DEADLINE_EXCEEDED, "the deadline passed while the call was handled")
        )

    def _succeed(self) -> None:
        if self.ended:
            return
        self.sender.flush()
        if not self.ended:
            self.ended = True
            if self._answer(b"", self._end_lines()):
                self._finish(SUCCESS, "")
            else:
                self._serving.metrics.dropped("answer")
                self._finish(int(Code.UNAVAILABLE), "14: the end could not be sent")

    def _end_lines(self) -> dict[str, str]:
        lines = {stream_header.END: str(self.sender.number)}
        trailers = None if self._context is None else self._context._trailers
        if trailers:
            lines |= trailers
        return lines

    def _answer(self, body: bytes, lines: Mapping[str, str]) -> bool:
        try:
            self._serving.transport.publish(self._message.reply, body, block=headers.encode(lines))
        except StatusError:
            return False
        return True

    def _goes_on(self) -> bool:
        return self._task is not None and not self._task.done()

    def _finish(self, code: int, error: str) -> None:
        serving, call_id = self._serving, self._header.call_id
        serving.follow_ups.unregister(call_id)
        serving.cancellations.unregister(call_id)
        self._connection._streams.remove(self)
        self.sender.close()
        self.receiver.fail(StatusError(Code.CANCELLED, "the call has ended"), at_once=True)
        self._end(code, error)

    def _end_span(self, span: LiveSpan, code: int, error: str) -> None:
        span.end_stream(code, error, sent=self.sender.number, received=self.receiver.number)
