"""A streaming call on the side of the caller: its opening, its life and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from google.protobuf.message import Message as ProtobufMessage

from protonats._calling.cancelling import cancel
from protonats._calling.opening import Opening
from protonats._info import MethodInfo, MethodKind
from protonats._streaming.call_record import CallRecord
from protonats._streaming.handshake import OpeningRequest, Requester, acceptance, refusal
from protonats._streaming.requests import Requests
from protonats._streaming.stream import Stream
from protonats._timers import Timer
from protonats._transport.message import Message
from protonats._wire import headers, status, stream_header
from protonats._wire.stream_header import StreamHeader
from protonats.call_info import CallInfo
from protonats.connection import Connection, connection_closes
from protonats.errors import Code, StatusError


class CallerStream(Stream):
    """One streaming call; begins with `open`.

    Attributes:
        begun: Whether it has begun.
    """

    __slots__ = (
        "_accepted",
        "_admitted",
        "_answer",
        "_call_id",
        "_deadline",
        "_loop",
        "_message",
        "_method",
        "_opening",
        "_record",
        "_request",
        "_requester",
        "_requests",
        "_timer",
        "begun",
    )

    def __init__(
        self,
        connection: Connection,
        method: MethodInfo[Any, Any],
        requests: ProtobufMessage | AsyncIterable[ProtobufMessage],
        *,
        deadline: float | None,
        lines: Mapping[str, str],
        info: CallInfo | None,
        trace: str | None,
        opening: Opening,
    ) -> None:
        """
        Args:
            connection: Where to call.
            method: What to call.
            requests: The message of a server stream, else all messages.
            deadline: The deadline, in the loop's time.
            lines: Checked header lines of the request.
            info: What to fill in.
            trace: The trace context, as a `traceparent`.
            opening: The policies for its opening.
        """
        super().__init__(
            connection,
            method.response,
            connection.metrics.streams("client", method.key),
            malformed=Code.INTERNAL,
            check=None,
            messages=connection._settings.stream_messages,
        )
        self._method = method
        self._deadline = deadline
        self._requester = Requester(
            method,
            deadline=deadline,
            lines=lines,
            trace=trace,
            max_payload=connection.max_payload,
        )
        self._request: OpeningRequest | None = None
        self._record = CallRecord(connection, method, info)
        self._opening = opening
        self._admitted = False
        self._message: ProtobufMessage | None = None
        self._requests: Requests | None = None
        if method.kind is MethodKind.SERVER_STREAM:
            assert isinstance(requests, ProtobufMessage)
            self._message = requests
        else:
            assert not isinstance(requests, ProtobufMessage)
            self._requests = self._read(requests)
        self._loop = asyncio.get_running_loop()
        self._timer: Timer | None = None
        self._call_id = ""
        self._accepted = False
        self._answer: asyncio.Future[StatusError | None] | None = None
        self.begun = False

    async def open(self) -> None:
        """Returns when an instance has accepted the call.

        Raises:
            BaseException: What the call failed with: a status, or what the iterable of requests
                raised.
        """
        self.begun = True
        self._requester.trace = self._record.begin(self._requester.trace)
        if self._deadline is not None:
            self._timer = self._connection._timers.at(self._deadline, self._expire)
        try:
            self._opening.begin()
            self._admitted = True
            try:
                await self._read_first()
            except Exception as failure:
                self._end(failure, own=True)
                return
            while (error := await self._attempt()) is not None:
                pause = self._opening.next_pause(error)
                if pause is None:
                    self._end(error)
                    return
                self._record.retry(error)
                await self._pause(pause)
        except Exception as error:
            self._end(error)

    def give_up(self) -> None:
        """Cancels the call, unless it is over; one that has not begun will not begin."""
        error = StatusError(Code.CANCELLED, "the caller gave up the call")
        if not self.begun:
            self.begun = self.ended = True
            self.receiver.fail(error)
        elif not self.ended:
            self._tell(error)
            self._end(error, at_once=True, own=True)

    async def settled(self) -> None:
        """As `Requests.settled`."""
        if self._requests is not None:
            await self._requests.settled()

    def abort(self, error: StatusError) -> None:
        """Ends the call with an error, unless it is over, and tells the instance."""
        if not self.ended:
            self._tell(error)
            self.lose(error)

    def lose(self, error: StatusError) -> None:
        """Ends the call with an error, unless it is over or may be opened again."""
        answer = self._answer
        if answer is None or self._accepted:
            self._end(error)
        elif not answer.done():
            answer.set_result(error)

    def leave(self) -> None:
        """As `Stream.leave`: the instance hears that its caller has lost interest."""
        if not self.ended:
            self._tell(StatusError(Code.CANCELLED, "the caller closed its connection"))
            text = "the connection was closed while the stream was open"
            self.lose(StatusError(Code.UNAVAILABLE, text))

    def _refuse_message(self, error: StatusError) -> None:
        self.abort(error)

    async def _read_first(self) -> None:
        """Waits for the first request where the subject needs it, else for one turn of the loop."""
        requests = self._requests
        if requests is None:
            return
        requests.start()
        await asyncio.sleep(0)
        if self._requester.needs_first:
            await requests.await_first()

    async def _attempt(self) -> StatusError | None:
        """Sends the request; None when it was accepted, or the call has ended meanwhile."""
        if self.ended:
            return None
        connection, now = self._connection, self._loop.time()
        if connection._draining:
            return connection_closes()
        if self._requests is not None:
            self._message = self._requests.first
        call_id = self._call_id = connection._call_ids.next()
        announced = self._announcement()
        request = self._request = self._requester.write(self._message, call_id, announced, now)
        self._record.attempt(call_id)
        answer = self._answer = self._loop.create_future()
        connection._calls.add_stream(call_id, request.subject, self.receive, self.lose)
        self.forgive(now)
        connection._streams.add(self)
        try:
            reply = connection._calls.reply_subject(call_id)
            connection._transport.publish(
                request.subject, request.body, reply=reply, block=request.block
            )
            error: StatusError | None = await answer
        except StatusError as unsent:
            error = unsent
        self._answer = None
        if error is not None:
            self._forget()
        return error

    async def _pause(self, seconds: float) -> None:
        connection, answer = self._connection, self._loop.create_future()

        def wake_if_closed() -> None:
            if connection.is_closed:
                _wake(answer)

        self._answer = answer
        timer = self._loop.call_later(seconds, _wake, answer)
        connection._on_lost.add(wake_if_closed)
        try:
            await answer
        finally:
            timer.cancel()
            connection._on_lost.discard(wake_if_closed)
            self._answer = None

    def _receive_headers(self, message: Message) -> bool:
        if not self._accepted:
            self._read_answer(message)
            return False
        lines = message.headers
        if headers.ERROR_CODE in lines:
            self._record.trailers(lines)
            self._end(status.decode(lines, message.body))
            return False
        if stream_header.END in lines:
            self._record.trailers(lines)
            self._end(self._why_incomplete(lines[stream_header.END]))
            return False
        self._record.metadata(lines)
        return True

    def _read_answer(self, message: Message) -> None:
        """Reads what an instance, or the NATS server, has answered to the request."""
        answer = self._answer
        if answer is None or answer.done():
            return
        refused = refusal(message, self._method.subject)
        if refused is not None:
            self._record.trailers(message.headers)
            answer.set_result(refused)
            return
        try:
            self._accept(*acceptance(message, self._method.subject))
        except StatusError as error:
            self.abort(error)
        else:
            answer.set_result(None)

    def _accept(self, instance: str, announced: StreamHeader) -> None:
        self._accepted = True
        self._opening.succeeded()
        request = self._request
        assert request is not None
        target = f"{request.prefix}{instance}.{self._call_id}"
        # From now on the server may refuse messages to this subject.
        self._connection._calls.add_stream(self._call_id, target, self.receive, self.lose)
        self._begin(target, announced)
        self._record.accepted(instance)
        if request.carried:
            self.sender.carried(len(request.body))
        elif self._requests is None and self._message is not None:
            self._requests = self._read(_alone(self._message))
            self._requests.start()
        if self._requests is not None:
            self._requests.go(carried=request.carried)
        self._message = self._request = None

    def _read(self, requests: AsyncIterable[ProtobufMessage]) -> Requests:
        return Requests(
            requests,
            self._method.request,
            self.sender,
            method=self._method.name,
            on_end=self._end_requests,
            on_error=self._requests_failed,
        )

    def _why_incomplete(self, end: str) -> StatusError | None:
        """Why an end is none; None if everything has come."""
        count = stream_header.decode_end(end)
        try:
            self.receiver.end(count)
        except StatusError as error:
            return error
        if self._method.kind is MethodKind.CLIENT_STREAM and count != 1:
            text = f"the instance answered {self._method.name} with {count} messages"
            return StatusError(Code.INTERNAL, text)
        return None

    def _end_requests(self) -> None:
        count = {stream_header.END: str(self.sender.number)}
        self._send(b"", headers.encode(count))

    def _requests_failed(self, error: BaseException) -> None:
        if not self.ended:
            text = "the requests of the caller ended with an exception"
            self._tell(StatusError(Code.CANCELLED, text))
            self._end(error, at_once=True, own=True)

    def _expire(self) -> None:
        text = f"{self._method.name} did not end before the deadline"
        error = StatusError(Code.DEADLINE_EXCEEDED, text)
        self._tell(error)
        self._end(error, at_once=True)

    def _tell(self, error: StatusError) -> None:
        """Tells the instance that the call has ended, if there is one to tell."""
        if self._accepted:
            lines, body = status.encode(error)
            with suppress(StatusError):
                self._connection._transport.publish(
                    self._subject, body, block=headers.encode(lines)
                )
        elif self._answer is not None:
            cancel(self._connection._transport, self._method.subject, self._call_id)

    def _forget(self) -> None:
        self._connection._calls.remove(self._call_id)
        self._connection._streams.remove(self)

    def _end(
        self, error: BaseException | None, *, at_once: bool = False, own: bool = False
    ) -> None:
        """Ends the call; an error that is the caller's `own` is not one of the method."""
        if self.ended:
            return
        if isinstance(error, StatusError) and not own:
            error.method = f"{self._method.service}/{self._method.name}"
        self.ended = True
        self._forget()
        if self._timer is not None:
            self._timer.cancel()
        self.sender.close()
        if error is not None:
            self.receiver.fail(error, at_once=at_once)
        if self._requests is not None:
            self._requests.cancel()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)
        if error is not None and self._admitted and not self._accepted:
            self._opening.failed(None if own else error)
        self._record.end(error, sent=self.sender.number, received=self.receiver.number)


def _wake(answer: asyncio.Future[StatusError | None]) -> None:
    if not answer.done():
        answer.set_result(None)


async def _alone(message: ProtobufMessage) -> AsyncIterator[ProtobufMessage]:
    yield message
