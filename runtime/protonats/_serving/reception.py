"""Where requests come in: each becomes a call that runs or waits, or is answered at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from protonats import deadline
from protonats._info import MethodKind
from protonats._serving.admission import Admission
from protonats._serving.limit import Call
from protonats._serving.refusal import Refusal
from protonats._serving.served_call import ServedCall
from protonats._serving.served_stream import ServedStream
from protonats._transport.message import Message
from protonats._wire import call as call_header
from protonats._wire import headers, parts, subjects
from protonats._wire.call import CallHeader
from protonats._workers import Workers
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats._serving.endpoint import Endpoint
    from protonats._serving.serving import Serving

_PART: Final = f"\r\n{parts.PART}:".encode()


class Reception:
    """The calls of one instance, from their requests on."""

    def __init__(self, serving: Serving, *, max_in_flight: int, max_queued: int) -> None:
        """
        Args:
            serving: What the calls share.
            max_in_flight: How many run at once.
            max_queued: How many wait beyond those.
        """
        self._serving = serving
        self._admission = Admission(
            serving, self._start, max_in_flight=max_in_flight, max_queued=max_queued
        )
        with deadline.scope(None):
            self._workers = Workers(ServedCall.run, ServedCall.waits)
        """Run the unary calls."""
        self._streams: dict[asyncio.Task[None], tuple[Endpoint, ServedStream]] = {}

    @property
    def running(self) -> int:
        """How many calls have a place."""
        return self._admission.running

    @property
    def waiting(self) -> int:
        """How many calls wait for one."""
        return self._admission.waiting

    def tasks(self) -> list[asyncio.Task[None]]:
        """The tasks that handle calls."""
        return [*self._workers.tasks, *self._streams]

    def stop(self) -> None:
        """Answers all calls UNAVAILABLE, and cancels the handlers of those that run."""
        text = "the instance stops: another one may answer"
        self._admission.stop(Refusal(Code.UNAVAILABLE, text))
        for waiting in self._workers.withdraw():
            waiting.abandon(Refusal(Code.UNAVAILABLE, text))
        running: list[Call] = [*self._workers.begun()]
        running += [stream for _, stream in self._streams.values()]
        for call in running:
            call.stop(StatusError(Code.UNAVAILABLE, text))

    def receive(self, endpoint: Endpoint, message: Message) -> None:
        """Takes a message of the subject of a method."""
        reason = subjects.why_dropped(endpoint.template.listen, message.subject, message.reply)
        if reason is not None:
            self._serving.metrics.dropped(reason)
            return
        header = call_header.decode_block(message.block)
        if header is None:
            try:
                header = self._read_header(message)
            except StatusError as error:
                header = CallHeader(self._serving.connection._call_ids.next(), None)
                self._refuse(endpoint, message, header, error)
                return
            if _PART in message.block and endpoint.method.kind is MethodKind.UNARY:
                self._receive_parts(endpoint, message, header)
                return
        self._dispatch(endpoint, message, header)

    def _dispatch(self, endpoint: Endpoint, message: Message, header: CallHeader) -> None:
        serving = self._serving
        call: ServedCall | ServedStream
        if endpoint.method.kind is MethodKind.UNARY:
            call = ServedCall(endpoint, message, header, serving)
            if self._admission.enter(endpoint):
                self._workers.put(call)
                return
        else:
            call = ServedStream(endpoint, message, header, serving)
        try:
            if serving.cancellations.admits(header.call_id):
                self._admission.admit(endpoint, call, header)
        except StatusError as error:
            self._refuse(endpoint, message, header, error)

    def _start(self, endpoint: Endpoint, call: Call, call_id: str) -> None:
        if isinstance(call, ServedStream):
            self._serving.cancellations.register(call_id, call.cancel)
            task = call.start()
            self._streams[task] = (endpoint, call)
            task.add_done_callback(self._end_stream)
        elif isinstance(call, ServedCall):
            self._workers.put(call)

    def _end_stream(self, task: asyncio.Task[None]) -> None:
        self._admission.release(self._streams.pop(task)[0])

    def _read_header(self, message: Message) -> CallHeader:
        value = message.headers.get(headers.CALL)
        if value is None:
            return CallHeader(self._serving.connection._call_ids.next(), None)
        return call_header.decode(value)

    def _receive_parts(self, endpoint: Endpoint, message: Message, header: CallHeader) -> None:
        """Takes the first part of a large request; the call begins when the last has come."""
        loop = self._serving.loop
        timeout = endpoint.method.timeout
        if header.remaining_ms is not None:
            timeout = header.remaining_ms / 1000
        until = None if timeout is None else loop.time() + timeout

        def complete(whole: Message) -> None:
            left = None if until is None else call_header.milliseconds(until - loop.time())
            self._dispatch(endpoint, whole, header._replace(remaining_ms=left))

        try:
            self._serving.large.receive(message, header.call_id, timeout, complete)
        except StatusError as error:
            self._refuse(endpoint, message, header, error)

    def _refuse(
        self, endpoint: Endpoint, message: Message, header: CallHeader, error: StatusError
    ) -> None:
        """Answers a request that becomes no call, of any kind, with a status."""
        ServedCall(endpoint, message, header, self._serving).fail(error)
