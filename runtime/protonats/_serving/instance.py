"""One instance of a service: its subscriptions, its running calls, and their end."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from protonats._info import ServiceInfo
from protonats._serving.discovery import Discovery
from protonats._serving.endpoint import endpoints_of
from protonats._serving.idempotency import Replays
from protonats._serving.reception import Reception
from protonats._serving.serving import Serving
from protonats._transport.transport import Subscription
from protonats._wire import subjects
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
        self._serving = Serving(connection, self.service, self.id)
        self._reception = Reception(
            self._serving, max_in_flight=max_in_flight, max_queued=max_queued
        )
        self._discovery = Discovery(
            self._transport, self.service, self.id, self.endpoints, connection.metrics
        )
        self._methods: list[Subscription] = []
        self._private: list[Subscription] = []
        self._open = False

    @property
    def serving(self) -> bool:
        """Whether the instance takes calls: subscribed, and not draining."""
        # A reconnect may find other permissions than the start did.
        return self._open and not any(item.denied for item in (*self._methods, *self._private))

    @property
    def in_flight(self) -> int:
        """How many calls are being handled."""
        return self._reception.running

    @property
    def queued(self) -> int:
        """How many calls wait until others are done."""
        return self._reception.waiting

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
                callback = partial(self._reception.receive, endpoint)
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
        self._serving.large.clear()
        self._reception.stop()
        if tasks := self._reception.tasks():
            await asyncio.wait(tasks, timeout=_CANCEL_TIMEOUT)
        await self._unsubscribe(self._private)
        self._serving.cancellations.clear()
        await self._serving.audit.settle(max(_CANCEL_TIMEOUT, until - self._serving.loop.time()))
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
            if running := self._reception.tasks():
                await asyncio.wait(running, timeout=left)
            elif self._serving.large:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._serving.large.empty.wait()
            else:
                return

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
