"""One instance of a service: its subscriptions, its running calls, and their end."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from protonats import deadline
from protonats._info import MethodKind, ServiceInfo
from protonats._serving.admission import Admission, Call
from protonats._serving.discovery import Discovery
from protonats._serving.endpoint import Endpoint, endpoints_of
from protonats._serving.idempotency import Replays
from protonats._serving.refusal import Refusal
from protonats._serving.served_call import ServedCall
from protonats._serving.served_stream import ServedStream
from protonats._serving.serving import Serving
from protonats._transport.message import Message
from protonats._transport.transport import Subscription
from protonats._wire import call as call_header
from protonats._wire import headers, parts, subjects
from protonats._wire.call import CallHeader
from protonats._workers import Workers
from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.interceptors import ServerInterceptor
from protonats.server import Server

if TYPE_CHECKING:
    from protonats._caching.served import Caches
    from protonats._serving.answer_store import RedisAnswers
    from protonats.redis import AnyRedis

__all__ = ["Instance"]

_logger = logging.getLogger("protonats")

_CANCEL_TIMEOUT: Final = 1.0
_PART: Final = f"\r\n{parts.PART}:".encode()
_LARGE_POLL: Final = 0.02


class Instance:
    """Serves one server object on a connection.

    Attributes:
        id: The instance in discovery: 16 random hexadecimal digits.
        service: What is served.
        endpoints: Its methods.
    """

    def __init__(
        self,
        connection: Connection,
        server: Server,
        *,
        interceptors: Sequence[ServerInterceptor] = (),
        max_in_flight: int = 1000,
        max_queued: int = 0,
        redis: AnyRedis | None = None,
    ) -> None:
        """
        Args:
            connection: Where to serve.
            server: The object whose methods handle the calls.
            interceptors: What goes around each call, the outermost first.
            max_in_flight: How many calls are handled at once.
            max_queued: How many wait beyond those; more are answered RESOURCE_EXHAUSTED.
            redis: Where answers to calls with an idempotency key are kept, and responses that
                instances share; None: nowhere.

        Raises:
            TypeError: The object lacks a method of its service.
        """
        self.id = secrets.token_hex(8)
        self.service: ServiceInfo = server.__protonats__
        self._replays = Replays(_answers(redis), connection.metrics)
        self._caches = _caches(connection, self.service, redis)
        self.endpoints = endpoints_of(
            server,
            connection.metrics,
            interceptors=interceptors,
            replays=self._replays,
            caches=self._caches,
        )
        self._connection = connection
        self._transport = connection._transport
        self._serving = Serving(connection, self.service, self.id, self._release)
        self._admission = Admission(
            self._serving, self._start, max_in_flight=max_in_flight, max_queued=max_queued
        )
        self._discovery = Discovery(
            self._transport, self.service, self.id, self.endpoints, connection.metrics
        )
        self._methods: list[Subscription] = []
        self._private: list[Subscription] = []
        with deadline.scope(None):
            self._workers = Workers(ServedCall.run, ServedCall.waits)
        """Run the unary calls."""
        self._streams: dict[asyncio.Task[None], tuple[Endpoint, ServedStream]] = {}
        self._open = False

    @property
    def serving(self) -> bool:
        """Whether the instance takes calls: subscribed, and not draining."""
        # A reconnect may find other permissions than the start did.
        return self._open and not any(item.denied for item in (*self._methods, *self._private))

    @property
    def in_flight(self) -> int:
        """How many calls are being handled."""
        return self._admission.running

    @property
    def queued(self) -> int:
        """How many calls wait until others are done."""
        return self._admission.waiting

    async def start(self) -> None:
        """Subscribes to every method and to discovery, and returns when the server knows.

        Raises:
            StatusError: PERMISSION_DENIED, if this user may not subscribe to a subject of the
                service; UNAVAILABLE, if the connection breaks meanwhile.
        """
        queue = subjects.queue_group(self.service.domain)
        serving = self._serving
        try:
            if self._caches is not None:
                await self._caches.start()
            if self.endpoints:
                # Whoever learns of the instance can reach it at once.
                self._private.append(await serving.follow_ups.start())
                self._private.append(await serving.cancellations.start())
            for endpoint in self.endpoints:
                callback = partial(self._receive, endpoint)
                subject = endpoint.template.listen
                self._methods.append(
                    await self._transport.subscribe(subject, callback, queue=queue)
                )
            await self._transport.barrier()
            self._refuse_denied([*self._methods, *self._private])
            await self._discovery.start()
            self._refuse_denied(self._discovery.subscriptions)
        except BaseException:
            await self.drain(0)
            raise
        self._open = True

    async def drain(self, grace: float) -> None:
        """Stops to serve: leaves discovery, takes no new calls, and awaits the running ones.

        What belongs to running calls, cancellations for example, is heard until they are done.

        Args:
            grace: Seconds for running calls; the rest is cancelled and answered UNAVAILABLE.
        """
        self._open = False
        until = asyncio.get_running_loop().time() + grace
        await self._discovery.stop()
        await self._unsubscribe(self._methods)
        await self._await_calls(until)
        text = "the instance stops: another one may answer"
        self._serving.large.clear()
        self._admission.stop(Refusal(Code.UNAVAILABLE, text))
        for waiting in self._workers.withdraw():
            waiting.abandon(Refusal(Code.UNAVAILABLE, text))
        running: list[Call] = [*self._workers.begun()]
        running += [stream for _, stream in self._streams.values()]
        for call in running:
            call.stop(StatusError(Code.UNAVAILABLE, text))
        if tasks := self._running():
            await asyncio.wait(tasks, timeout=_CANCEL_TIMEOUT)
        await self._unsubscribe(self._private)
        await self._replays.settle()
        if self._caches is not None:
            await self._caches.close()
        if self.in_flight:
            _logger.error(
                "%d handlers of %s go on although they were cancelled",
                self.in_flight,
                self.service.name,
            )

    async def _unsubscribe(self, subscriptions: list[Subscription]) -> None:
        await self._transport.unsubscribe(*subscriptions)
        subscriptions.clear()

    async def _await_calls(self, until: float) -> None:
        """Returns when no call runs or waits and no large message is under way, or at a time."""
        loop = asyncio.get_running_loop()
        while (left := until - loop.time()) > 0:
            if running := self._running():
                await asyncio.wait(running, timeout=left)
            elif self._serving.large:
                await asyncio.sleep(min(left, _LARGE_POLL))
            else:
                return

    def _running(self) -> list[asyncio.Task[None]]:
        """The tasks that handle calls."""
        return [*self._workers.tasks, *self._streams]

    def _receive(self, endpoint: Endpoint, message: Message) -> None:
        reason = subjects.why_dropped(endpoint.template.listen, message.subject, message.reply)
        if reason is not None:
            self._serving.metrics.dropped(reason)
            return
        header = call_header.decode_block(message.block)
        if header is None:
            try:
                header = self._read_header(message)
            except StatusError as error:
                header = CallHeader(self._connection._call_ids.next(), None)
                ServedCall(endpoint, message, header, self._serving).fail(error)
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
        if serving.cancellations.has(header.call_id):
            serving.metrics.dropped("cancelled")
        else:
            self._admission.admit(endpoint, call, header)

    def _start(self, endpoint: Endpoint, call: Call, call_id: str) -> None:
        if isinstance(call, ServedStream):
            self._serving.cancellations.register(call_id, call.cancel)
            task = call.start()
            self._streams[task] = (endpoint, call)
            task.add_done_callback(self._end_stream)
        elif isinstance(call, ServedCall):
            self._workers.put(call)

    def _end_stream(self, task: asyncio.Task[None]) -> None:
        self._release(self._streams.pop(task)[0])

    def _release(self, endpoint: Endpoint) -> None:
        self._admission.release(endpoint)

    def _read_header(self, message: Message) -> CallHeader:
        value = message.headers.get(headers.CALL)
        if value is None:
            return CallHeader(self._connection._call_ids.next(), None)
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
            ServedCall(endpoint, message, header, self._serving).fail(error)

    def _refuse_denied(self, subscriptions: list[Subscription]) -> None:
        denied = [subscription.subject for subscription in subscriptions if subscription.denied]
        if denied:
            raise StatusError(
                Code.PERMISSION_DENIED,
                f"the NATS server does not let user {self._connection.name} subscribe to"
                f" {', '.join(denied)}, which {self.service.full_name} needs",
            )


def _answers(redis: AnyRedis | None) -> RedisAnswers | None:
    """Where answers are kept. A service without Redis does not load its client."""
    if redis is None:
        return None
    from protonats._serving.answer_store import RedisAnswers

    return RedisAnswers(redis)


def _caches(connection: Connection, service: ServiceInfo, redis: AnyRedis | None) -> Caches | None:
    """The caches of a service; None where no method has one."""
    if not any(method.cache for method in service.methods):
        return None
    from protonats._caching.served import Caches

    return Caches(connection, redis)
