"""A durable consumer that the instances of a service share: deliveries in, answers out."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import Final

from protonats import deadline
from protonats._consuming.binding import Binding, bind
from protonats._consuming.dead_letter import FailureTexts, bury
from protonats._consuming.delivered import IN_PROGRESS, DeliveredContext
from protonats._consuming.delivery import Delivery
from protonats._consuming.pull import Pull
from protonats._consuming.routes import Routes, Unreadable
from protonats._info import ConsumerInfo
from protonats._transport.message import Message
from protonats._wire import events as wire
from protonats._wire.call import Trace
from protonats._workers import Workers
from protonats.connection import Connection
from protonats.errors import StatusError
from protonats.events import RetryEvent
from protonats.server import Server

__all__ = ["Consumer"]

_logger = logging.getLogger("protonats")

_ACK: Final = b"+ACK"
_NAK: Final = b"-NAK"
_TERM: Final = b"+TERM"
_UNKNOWN: Final = "unknown"
_DOTS: Final = 8
_CANCEL_TIMEOUT: Final = 1.0
_STARTUP_TIMEOUT: Final = 30.0


class Consumer:
    """Takes the messages of one durable consumer, and has a handler for each."""

    def __init__(
        self,
        connection: Connection,
        info: ConsumerInfo,
        server: Server,
        *,
        max_in_flight: int = 1000,
        startup_timeout: float = _STARTUP_TIMEOUT,
    ) -> None:
        """
        Args:
            connection: Where the stream is.
            info: What the schema says of the consumer.
            server: The object whose methods handle the events.
            max_in_flight: How many messages are handled at once; the server's `max_ack_pending`
                bounds it further, over all instances.
            startup_timeout: Seconds during which a JetStream that does not answer is asked again.

        Raises:
            TypeError: The object lacks a handler.
        """
        self._connection = connection
        self._info = info
        self._routes = Routes(info, server)
        self._max_in_flight = max_in_flight
        self._startup_timeout = startup_timeout
        self._failures = FailureTexts()
        with deadline.scope(None):
            self._workers = Workers(self._handle)
        self._unanswered: set[str] = set()
        self._first = ""
        self._binding: Binding | None = None
        self._pull: Pull | None = None
        self._heartbeat: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str | None:
        """Why no messages come; None while they do, or would."""
        if self._pull is None or self._pull.problem is None:
            return None
        return f"consumer {self._info.durable}: {self._pull.problem}"

    async def start(self) -> None:
        """Finds stream and consumer, and begins to take messages.

        Raises:
            StatusError: FAILED_PRECONDITION where one of them is missing or does not fit, with the
                command that creates it; UNAVAILABLE if JetStream does not answer.
            ConfigurationError: The consumer's metadata is malformed.
        """
        binding = await bind(self._connection, self._info, startup_timeout=self._startup_timeout)
        self._binding = binding
        self._first = f"$JS.ACK.{binding.stream}.{self._info.durable}.1."
        self._pull = Pull(
            self._connection,
            stream=binding.stream,
            durable=self._info.durable,
            capacity=min(self._max_in_flight, binding.max_ack_pending or self._max_in_flight),
            on_message=self._receive,
        )
        self._heartbeat = asyncio.create_task(self._keep_in_progress(binding.ack_wait / 2))
        await self._pull.start()

    async def drain(self, grace: float) -> None:
        """Takes no new messages, and awaits the running handlers.

        Args:
            grace: Seconds for running handlers; the rest is cancelled, and their messages are
                delivered again, to another instance.
        """
        end = asyncio.get_running_loop().time() + grace
        if self._pull is not None:
            await self._pull.stop()
        if not await self._workers.join(end - asyncio.get_running_loop().time()):
            for message in self._workers.cancel():
                self._answer(message, _NAK)
            if not await self._workers.join(_CANCEL_TIMEOUT):
                _logger.error(
                    "%d handlers of consumer %s go on although they were cancelled",
                    len(self._workers),
                    self._info.durable,
                )
        if self._heartbeat is not None:
            self._heartbeat.cancel()

    def _receive(self, message: Message) -> None:
        reply = message.reply
        if not self._is_first(reply):
            delivery = Delivery.parse(reply)
            if delivery is None or delivery.consumer != self._info.durable:
                # Not from the stream: somebody else published to the inbox.
                self._connection.metrics.dropped("delivery")
                self._release()
                return
        self._unanswered.add(reply)
        self._workers.put(message)

    def _is_first(self, reply: str) -> bool:
        """Whether this is the reply subject of a first delivery, of which nothing more has to be
        known. It may be one and be written in another way."""
        return (
            reply.startswith(self._first)
            and reply.isascii()
            and reply.count(".") == _DOTS
            and ".." not in reply
            and reply[len(self._first) :].replace(".", "").isdecimal()
        )

    def _release(self) -> None:
        if self._pull is not None:
            self._pull.release()

    async def _handle(self, message: Message, task: asyncio.Task[None]) -> None:
        """Brings one delivery to its answer; never fails."""
        binding = self._binding
        assert binding is not None
        delivery = None if message.reply.startswith(self._first) else Delivery.read(message)
        block = message.block
        event_type = _UNKNOWN
        if wire.is_replay(block) and not self._is_addressee(message):
            result = "skipped" if self._answer(message, _ACK) else "abandoned"
        else:
            try:
                route = self._routes.find(message)
                event_type = route.event_type
                event = route.decode(message)
            except Unreadable as error:
                read = delivery or Delivery.read(message)
                result = await self._bury(message, read, read.number, str(error))
            else:
                if delivery is not None and binding.policy.is_exhausted(delivery.number):
                    # This delivery is the one too many, which no handler sees.
                    error_text = self._failures.text(delivery)
                    result = await self._bury(message, delivery, delivery.number - 1, error_text)
                else:
                    context = DeliveredContext(self._connection, message, delivery)
                    trace = wire.block_trace(block)
                    telemetry = self._connection.telemetry
                    try:
                        if telemetry is not None:
                            await telemetry.process(
                                route.handler,
                                event,
                                context,
                                pattern=route.pattern,
                                consumer=self._info.durable,
                                traceparent=trace,
                            )
                        elif trace is None:
                            await route.handler(event, context)
                        else:
                            with deadline.scope(None, trace):
                                await route.handler(event, context)
                    except BaseException as error:
                        result = self._failed(message, delivery, event_type, error, task)
                    else:
                        if delivery is not None:
                            self._failures.forget(delivery.sequence)
                        result = "acknowledged" if self._answer(message, _ACK) else "abandoned"
        self._unanswered.discard(message.reply)
        self._release()
        self._connection.metrics.event_handled(self._info.durable, event_type, result)

    def _is_addressee(self, message: Message) -> bool:
        """Whether a replay is for this consumer."""
        assert self._binding is not None
        return wire.is_for(message.headers, self._binding.stream, self._info.durable)

    def _failed(
        self,
        message: Message,
        delivery: Delivery | None,
        event_type: str,
        error: BaseException,
        task: asyncio.Task[None],
    ) -> str:
        """Sees to it that a message is delivered again whose handler has raised."""
        delivery = delivery or Delivery.read(message)
        if isinstance(error, RetryEvent):
            return self._retry(message, delivery, error, error.delay)
        # SystemExit in a handler is a failure of one message, and no reason to end all others.
        if isinstance(error, asyncio.CancelledError) and task.cancelling():
            self._answer(message, _NAK)
            return "abandoned"
        _logger.error(
            "the handler of %s failed",
            event_type,
            exc_info=error,
            extra=_log_fields(message, delivery),
        )
        return self._retry(message, delivery, error, None)

    def _retry(
        self, message: Message, delivery: Delivery, error: BaseException, delay: float | None
    ) -> str:
        assert self._binding is not None
        self._failures.remember(delivery.sequence, error)
        if delay is None:
            delay = self._binding.policy.delay(delivery.number)
        return "retried" if self._answer(message, _nak(delay)) else "abandoned"

    async def _bury(self, message: Message, delivery: Delivery, deliveries: int, error: str) -> str:
        assert self._binding is not None
        extra = {**_log_fields(message, delivery), "subject": message.subject, "error": error}
        try:
            await bury(self._connection, message, delivery, deliveries, error)
        except StatusError as failure:
            # Not stored, so not ended: the stream keeps the message until there is a place for it.
            _logger.error("a dead letter is not stored: %s", failure, extra=extra)
            self._answer(message, _nak(self._binding.policy.backoff[-1]))
            return "abandoned"
        _logger.error("a message became a dead letter", extra=extra)
        self._connection.metrics.dead_lettered(self._info.durable)
        self._failures.forget(delivery.sequence)
        self._answer(message, _TERM)
        return "dead_lettered"

    def _answer(self, message: Message, answer: bytes) -> bool:
        """Whether the answer was sent; if not, the message is delivered again."""
        try:
            self._connection._transport.send(message.reply, "", b"", answer)
        except StatusError as error:
            fields = _log_fields(message, Delivery.read(message))
            _logger.warning("a delivery is not answered: %s", error.message, extra=fields)
            return False
        return True

    async def _keep_in_progress(self, period: float) -> None:
        """Tells the server, twice in its time for an acknowledgement, what is still at work."""
        while True:
            await asyncio.sleep(period)
            for reply in self._unanswered:
                with suppress(StatusError):
                    self._connection._transport.publish(reply, IN_PROGRESS)


def _nak(delay: float) -> bytes:
    return b"-NAK " + json.dumps({"delay": int(delay * 1_000_000_000)}).encode() if delay else _NAK


def _log_fields(message: Message, delivery: Delivery) -> dict[str, object]:
    """What log lines say about a delivery."""
    fields: dict[str, object] = {
        "stream": delivery.stream,
        "consumer": delivery.consumer,
        "sequence": delivery.sequence,
        "delivery": delivery.number,
        "event_id": wire.event_id(message.headers),
    }
    traceparent = wire.block_trace(message.block)
    trace = None if traceparent is None else Trace.parse(traceparent)
    if trace is not None:
        fields |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    return fields
