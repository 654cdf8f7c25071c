"""Services and their clients in one process, without any server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from os import PathLike
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from protonats import provision
from protonats._info import ConsumerInfo, ServiceInfo
from protonats._plan import load_plan
from protonats._publishing import filter_subject
from protonats.application import Application
from protonats.connection import Connection
from protonats.interceptors import ServerInterceptor
from protonats.server import Server
from protonats.settings import ConnectionSettings, Settings
from protonats.testing._clock import passing
from protonats.testing._faults import Faults
from protonats.testing._local.broker import Broker
from protonats.testing._local.jetstream import LocalJetStream
from protonats.testing._local.transport import LocalTransport

__all__ = ["LocalPlatform"]

Served: TypeAlias = Server | Callable[[Application], Server]

_MAX_PAYLOAD: Final = 1024 * 1024
_EVENTS: Final = "EVENTS"
_STREAMS: Final[Mapping[str, Any]] = {
    "streams": [
        {"name": _EVENTS, "subjects": ["evt.>", "work.>"]},
        {"name": "DLQ", "subjects": ["dlq.>"]},
        {"name": "AUDIT", "subjects": ["audit.>"]},
    ]
}
_MAX_DELIVER: Final = 5
_GRACE: Final = 0.2


class LocalPlatform:
    """NATS and JetStream in one process, and services that are served on it.

        async with LocalPlatform(QuestService()) as platform:
            client = QuestServiceClient(platform.connection)
            quest = await client.generate_quest(request)

    All that stands above the connection is the real code: calls of all kinds, cancellation,
    deadlines, retries, large messages, discovery, interceptors, events with redelivery and dead
    letters, key-value buckets, `protonats.replay`. Messages take the way that they take through a
    server: subjects with wildcards, queue groups, `max_payload`, nobody subscribed.

    There are no accounts, permissions, TLS and replicas, no push consumers and watched buckets, and
    nothing outlives the platform: tests of those take `EmbeddedNats`. Of a stream's limits,
    `max_bytes` and the time-to-live of single messages are ignored.

    Attributes:
        faults: What goes wrong with messages; may be changed at any time.
    """

    def __init__(
        self,
        *servers: Served,
        interceptors: Sequence[ServerInterceptor] = (),
        settings: Settings | None = None,
        plan: Mapping[str, Any] | str | PathLike[str] | None = None,
        faults: Faults | None = None,
        max_payload: int = _MAX_PAYLOAD,
        seed: int = 0,
    ) -> None:
        """
        Args:
            servers: What is served from the start: see `serve`.
            interceptors: What goes around each call of theirs.
            settings: The settings of every application, but for the name of its connection and the
                address of its health checks; by default those that `Settings()` has, with a grace
                period of 0.2 seconds.
            plan: The path of `generated/deploy/nats/jetstream.json`, or its content: streams and
                consumers as the schema declares them. By default there is a stream for all events,
                one for dead letters and one for audit records, and each consumer of what is served
                with five deliveries, whatever its options in the schema: generated code does not
                have them.
            faults: What goes wrong with messages; nothing by default.
            max_payload: The largest message, header block included, in bytes.
            seed: Decides which instance of a queue group takes which message.

        Raises:
            OSError: The file of the plan cannot be read.
            ConfigurationError: It is no plan.
        """
        self.faults = Faults() if faults is None else faults
        self._servers = servers
        self._interceptors = interceptors
        self._settings = Settings(grace_period=_GRACE) if settings is None else settings
        self._plan = load_plan(plan) if isinstance(plan, str | PathLike) else plan
        self._max_payload = max_payload
        self._seed = seed
        self._broker: Broker | None = None
        self._connection: Connection | None = None
        self._transports: dict[Connection, LocalTransport] = {}
        self._applications: list[Application] = []
        self._resources = AsyncExitStack()

    @property
    def connection(self) -> Connection:
        """The connection of the test itself, for its clients and publishers."""
        if self._connection is None:
            raise RuntimeError("the platform is not entered: use `async with LocalPlatform(…)`")
        return self._connection

    @property
    def applications(self) -> tuple[Application, ...]:
        """What is served, one application for each server, in the order of `serve`."""
        return tuple(self._applications)

    async def connect(self, settings: ConnectionSettings | str = "test") -> Connection:
        """One more connection, closed with the platform.

        Args:
            settings: Its settings, of which the servers are not used; or its name alone.
        """
        connection = await self._connect(
            ConnectionSettings(name=settings) if isinstance(settings, str) else settings
        )
        self._resources.push_async_callback(connection.drain)
        return connection

    async def serve(
        self, server: Served, *, interceptors: Sequence[ServerInterceptor] = ()
    ) -> Application:
        """Serves a server, in an application with a connection of its own, as a process would; a
        second time makes a second instance.

        Args:
            server: The server, or a function or class that makes it of its `Application`.
            interceptors: What goes around each call of its methods, the outermost first.

        Returns:
            The application, which is left with the platform, or by `stop`.

        Raises:
            StatusError: What `Application.serve` raises.
        """
        name = server.__protonats__.name if isinstance(server, Server) else "served"
        settings = replace(
            self._settings,
            connection=replace(self._settings.connection, name=name),
            health_address=None,
        )
        application = _LocalApplication(settings, self._connect)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(application)
            made = server if isinstance(server, Server) else server(application)
            if self._plan is None:
                await self._provide(made.__protonats__)
            await application.serve(made, interceptors=interceptors)
            stack.pop_all()
        self._applications.append(application)
        return application

    async def stop(self, application: Application) -> None:
        """Stops an application of `serve` in order: it drains."""
        self._applications.remove(application)
        with passing():
            await application.__aexit__(None, None, None)

    def disconnect(self, connection: Connection | None = None) -> None:
        """Breaks a connection, or all of them, until `reconnect`; messages that are under way on it
        are lost. Streams and what they hold stay."""
        for transport in self._of(connection):
            transport.lose()

    def reconnect(self, connection: Connection | None = None) -> None:
        """Lets a connection, or all of them, come back at once."""
        for transport in self._of(connection):
            transport.regain()

    def _of(self, connection: Connection | None) -> list[LocalTransport]:
        if connection is None:
            return list(self._transports.values())
        return [self._transports[connection]]

    async def _connect(self, settings: ConnectionSettings) -> Connection:
        if self._broker is None:
            raise RuntimeError("the platform is not entered: use `async with LocalPlatform(…)`")
        connection = Connection(settings, transport=partial(LocalTransport, self._broker))
        transport = connection._transport
        assert isinstance(transport, LocalTransport)
        await connection._open()
        self._transports[connection] = transport
        return connection

    async def _provide(self, service: ServiceInfo) -> None:
        if service.consumers:
            entries = [_consumer(service, consumer) for consumer in service.consumers]
            await provision.apply(self.connection.jetstream, {"consumers": entries})

    async def __aenter__(self) -> Self:
        broker = self._broker = Broker(
            max_payload=self._max_payload, faults=self.faults, seed=self._seed
        )
        jetstream = LocalJetStream(broker)
        self._resources.callback(jetstream.close)
        try:
            with passing():
                self._connection = await self.connect()
                await provision.apply(self._connection.jetstream, self._plan or _STREAMS)
                for server in self._servers:
                    await self.serve(server, interceptors=self._interceptors)
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._leave()

    async def _leave(self) -> None:
        # Nobody waits for messages that the test has lost.
        self.faults.heal()
        with passing():
            try:
                await asyncio.gather(*map(self.stop, tuple(self._applications)))
            finally:
                await self._resources.aclose()


class _LocalApplication(Application):
    def __init__(self, settings: Settings, connect: Callable[[ConnectionSettings], Any]) -> None:
        super().__init__(settings)
        self._connect_locally = connect

    async def _connect(self) -> Connection:
        connection: Connection = await self._connect_locally(self.settings.connection)
        return connection


def _consumer(service: ServiceInfo, consumer: ConsumerInfo) -> dict[str, Any]:
    return {
        "stream": _EVENTS,
        "durable": consumer.durable,
        "service": service.name,
        "filter_subjects": [filter_subject(handler.event) for handler in consumer.handlers],
        "max_deliver": _MAX_DELIVER,
    }
