"""A process: its connection, its servers, its health, and their end in the right order."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from protonats._consuming.consumer import Consumer
from protonats._serving.blocking import Watchdog
from protonats._serving.instance import Instance
from protonats.connection import Connection, connect
from protonats.errors import ConfigurationError
from protonats.health import HealthServer
from protonats.interceptors import ServerInterceptor
from protonats.key_value import KeyValue
from protonats.server import Server
from protonats.settings import Settings

if TYPE_CHECKING:
    from protonats.redis import AnyRedis

__all__ = ["Application"]

_logger = logging.getLogger("protonats")

_REDIS_STARTUP_TIMEOUT: Final = 2.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Application:
    """One process that serves, calls and publishes.

        async with Application() as application:
            await application.serve(QuestService(application))
            await application.run_until_stopped()

    Entering connects, to NATS and to Redis where there is a URL for it, and answers health checks.
    A Redis that does not answer is a warning, and used as soon as it does.

    Leaving stops everything in order: not ready, out of discovery, no new calls and events, running
    handlers up to the grace period, and the connection last, so that handlers can make calls until
    they are done.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """
        Args:
            settings: All settings; None reads the environment.

        Raises:
            ConfigurationError: A variable is not usable.
        """
        self.settings = Settings.from_environment() if settings is None else settings
        self._connection: Connection | None = None
        self._redis: AnyRedis | None = None
        self._health: HealthServer | None = None
        self._resources = AsyncExitStack()
        self._servers = AsyncExitStack()
        self._instances: list[Instance] = []
        self._consumers: list[Consumer] = []
        self._watchdog: Watchdog | None = None
        self._signals: set[signal.Signals] = set()
        self._running = False
        self._draining = False

    @property
    def connection(self) -> Connection:
        """The connection to NATS, for clients and publishers."""
        if self._connection is None:
            raise RuntimeError("the application is not entered: use `async with Application()`")
        return self._connection

    @property
    def redis(self) -> AnyRedis:
        """The connection to Redis, which may be down: commands then raise the errors of redis-py.

        Raises:
            ConfigurationError: There is no URL for it.
        """
        if self._redis is None:
            raise ConfigurationError(
                "REDIS_URL is not set, and this service needs Redis: write for example"
                " redis://127.0.0.1:6379, or redis+cluster://… for a cluster"
            )
        return self._redis

    @property
    def instances(self) -> tuple[Instance, ...]:
        """What is served, one instance for each server."""
        return tuple(self._instances)

    @property
    def health_address(self) -> str | None:
        """`host:port` where health checks are answered; None if they are off."""
        return None if self._health is None else self._health.address

    async def key_value(self, bucket: str) -> KeyValue:
        """The key-value bucket of this name.

        Raises:
            StatusError: FAILED_PRECONDITION, there is none, with the command that creates it;
                UNAVAILABLE, JetStream does not answer.
        """
        return await KeyValue.open(self.connection, bucket)

    async def serve(self, *servers: Server, interceptors: Sequence[ServerInterceptor] = ()) -> None:
        """Serves the methods and consumes the events of each server; returns when all do.

        A server that is an async context manager is entered before its first call and left after
        its last.

        Args:
            servers: The objects whose methods handle calls and events.
            interceptors: What goes around each call of theirs, the outermost first.

        Raises:
            StatusError: FAILED_PRECONDITION where a stream or consumer is missing;
                PERMISSION_DENIED where this user may not serve; UNAVAILABLE if NATS does not
                answer.
            TypeError: A server lacks a handler.
        """
        limit = self.settings.max_in_flight
        for server in servers:
            instance = Instance(
                self.connection,
                server,
                interceptors=interceptors,
                max_in_flight=limit,
                max_queued=self.settings.max_queued,
                redis=self._redis,
            )
            consumers = [
                Consumer(self.connection, info, server, max_in_flight=limit)
                for info in server.__protonats__.consumers
            ]
            if isinstance(server, AbstractAsyncContextManager):
                await self._servers.enter_async_context(server)
            self._instances.append(instance)
            if self._watchdog is not None:
                self._watchdog.handlers.update(
                    endpoint.task_name for endpoint in instance.endpoints
                )
            await instance.start()
            for consumer in consumers:
                self._consumers.append(consumer)
                await consumer.start()
        self._running = True

    async def run_until_stopped(self, stop: asyncio.Event | None = None) -> None:
        """Returns at SIGTERM or SIGINT, and when the connection is closed for good.

        A process that serves nothing, and only makes calls, is ready from here on.

        Args:
            stop: Ends it too, once set.
        """
        self._running = True
        loop = asyncio.get_running_loop()
        stop = asyncio.Event() if stop is None else stop
        # They stay until the end: a second signal must not cut the drain short.
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stop_by, stop, number)
            self._signals.add(number)
        waits = [asyncio.create_task(event.wait()) for event in (stop, self.connection.closed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def why_not_ready(self) -> str | None:
        """Why this process cannot take calls; None if it can."""
        if self._draining:
            return "draining"
        if self._connection is None or not self._connection.is_connected:
            return "not connected to NATS"
        if not self._running or not all(instance.serving for instance in self._instances):
            return "not subscribed"
        return next((consumer.problem for consumer in self._consumers if consumer.problem), None)

    def why_not_live(self) -> str | None:
        """Why this process has to be replaced; None if it has not."""
        if self._connection is not None and self._connection.is_closed and not self._draining:
            return f"the connection to NATS is closed: {self._connection.close_reason}"
        return None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._resources.aclose()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._draining = True
        try:
            await self._drain()
        finally:
            await self._resources.aclose()

    async def _start(self) -> None:
        settings = self.settings
        self._resources.callback(self._restore_signals)
        if settings.health_address is not None:
            self._health = HealthServer(
                settings.health_address,
                live=self.why_not_live,
                ready=self.why_not_ready,
                metrics=self._metrics,
            )
            await self._health.start()
            self._resources.push_async_callback(self._health.close)
        self._connection = await self._connect()
        self._resources.push_async_callback(self._connection.drain)
        if settings.block_warning:
            loop, metrics = asyncio.get_running_loop(), self._connection.metrics
            self._watchdog = Watchdog(loop, metrics, limit=settings.block_warning)
            self._watchdog.start()
            self._resources.callback(self._watchdog.stop)
        if settings.redis_url is not None:
            from protonats.redis import connect_redis

            # What is kept there can be had without it, so a process is ready without it.
            self._redis = await connect_redis(
                settings.redis_url,
                ca=settings.redis_ca_pem or settings.redis_ca,
                startup_timeout=_REDIS_STARTUP_TIMEOUT,
                required=False,
            )
            self._resources.push_async_callback(self._redis.aclose)

    async def _connect(self) -> Connection:
        return await connect(self.settings.connection)

    async def _drain(self) -> None:
        # Without a connection no handler can answer any more.
        grace = 0.0 if self.connection.is_closed else self.settings.grace_period
        results = await asyncio.gather(
            *(instance.drain(grace) for instance in self._instances),
            *(consumer.drain(grace) for consumer in self._consumers),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                _logger.error("draining failed", exc_info=result)
        await self._servers.aclose()

    def _metrics(self) -> bytes:
        if self._connection is None:
            return b""
        return self._connection.metrics.render(connected=self._connection.is_connected)

    def _restore_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in self._signals:
            loop.remove_signal_handler(number)

    def _stop_by(self, stop: asyncio.Event, number: int) -> None:
        _logger.info("stopping", extra={"signal": signal.Signals(number).name})
        stop.set()
