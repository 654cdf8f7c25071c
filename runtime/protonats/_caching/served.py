"""The cached responses of a method, where it is served: callers notice nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.protobuf.message import Message

from protonats import deadline
from protonats._caching.engine import CacheEngine, Flight
from protonats._caching.keys import key_of
from protonats._info import CacheInfo, MethodInfo
from protonats._publishing import filter_subject
from protonats._serving.responses import no_response
from protonats._transport.message import Message as Delivered
from protonats._transport.transport import Subscription
from protonats._wire import events, metadata
from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.server import CallContext

if TYPE_CHECKING:
    from protonats._telemetry.spans import LiveSpan
    from protonats.redis import AnyRedis

Handler: TypeAlias = Callable[[Any, CallContext], Awaitable[Message]]

_LOAD_TIMEOUT: Final = 30.0
_MAX_AGE: Final = 5.0


class Caches:
    """The caches of one instance: one for each method whose schema declares it."""

    def __init__(self, connection: Connection, redis: AnyRedis | None) -> None:
        """
        Args:
            connection: Where the instance serves.
            redis: What instances share; None: each keeps what it has in memory.
        """
        self._connection = connection
        self._redis = redis
        self._methods: list[MethodCache] = []

    def wrap(self, handler: Handler, method: MethodInfo[Message, Message]) -> Handler:
        """The handler of a method, behind the method's cache if it has one."""
        if method.cache is None:
            return handler
        cache = MethodCache(method, method.cache, self._connection, self._redis)
        self._methods.append(cache)
        return cache.wrap(handler)

    async def start(self) -> None:
        """Takes up to listen for what makes responses invalid; before the first call.

        Raises:
            StatusError: PERMISSION_DENIED, if this user may not; UNAVAILABLE, if the connection
                breaks meanwhile.
        """
        for cache in self._methods:
            await cache.start()

    async def close(self) -> None:
        """Ends what runs in the background; after the last call."""
        for cache in self._methods:
            await cache.close()


class MethodCache:
    """The cache of one method in one instance.

    A response depends on the request alone: who may see it is decided before, by interceptors. A
    response with metadata or trailers is not kept, as they would be missing the next time.
    """

    def __init__(
        self,
        method: MethodInfo[Message, Message],
        info: CacheInfo,
        connection: Connection,
        redis: AnyRedis | None,
    ) -> None:
        """
        Args:
            method: The method.
            info: How it is cached.
            connection: Where the events come that make responses invalid.
            redis: What instances share; None: each keeps what it has in memory.
        """
        self._method = method
        self._info = info
        self._connection = connection
        self._timeout = method.timeout or _LOAD_TIMEOUT
        self._key_of = key_of(method.request, info.key_fields)
        self._subscriptions: list[Subscription] = []
        self._engine = CacheEngine(
            redis,
            f"{method.service}/{method.name}",
            ttl=info.ttl,
            local_ttl=info.local_ttl,
            stale=info.stale_while_revalidate,
            load_timeout=self._timeout,
            max_age=_MAX_AGE,
            metrics=connection.metrics,
            labels=method.key,
        )

    def wrap(self, handler: Handler) -> Handler:
        """The handler, behind the cache."""
        engine, key_of_, read = self._engine, self._key_of, self._method.response.FromString
        connection, method = self._connection, self._method.key

        async def serve(request: Message, context: CallContext) -> Message:
            key = key_of_(request)
            telemetry = connection.telemetry
            span = None if telemetry is None else telemetry.lookup(method)
            if span is not None:
                return read(await self._traced(span, key, handler, request, context))
            value = engine.local(key)
            if value is None:
                value = await self._fetch(key, handler, request, context)
            return read(value)

        return serve

    async def _traced(
        self,
        span: LiveSpan,
        key: bytes,
        handler: Handler,
        request: Message,
        context: CallContext,
    ) -> bytes:
        """The value of a key, from wherever it comes, and where that was, in a span."""
        result = "hit"

        async def answer(request: Message, context: CallContext) -> Message:
            nonlocal result
            result = "miss"
            return await handler(request, context)

        try:
            value = self._engine.local(key)
            if value is None:
                value = await self._fetch(key, answer, request, context)
            else:
                result = "local_hit"
        except BaseException as error:
            span.end_event(error)
            raise
        span.end_lookup(result)
        return value

    async def start(self) -> None:
        """Subscribes to the events that make responses invalid, and invalidates those from before:
        this instance cannot know what has happened to them.

        Raises:
            StatusError: PERMISSION_DENIED, if this user may not subscribe to one of them;
                UNAVAILABLE, if the connection breaks meanwhile.
        """
        if not self._info.invalidated_by:
            return
        transport = self._connection._transport
        for event in self._info.invalidated_by:
            subscription = await transport.subscribe(filter_subject(event), self._on_event)
            self._subscriptions.append(subscription)
        await transport.barrier()
        denied = [item.subject for item in self._subscriptions if item.denied]
        if denied:
            raise StatusError(
                Code.PERMISSION_DENIED,
                f"the NATS server does not let user {self._connection.name} subscribe to"
                f" {', '.join(denied)}, which invalidate the cache of {self._method.name}",
            )
        self._connection._on_restored.add(self._engine.invalidate_all)
        self._engine.invalidate_all()

    async def close(self) -> None:
        """Unsubscribes, and ends what runs in the background."""
        self._connection._on_restored.discard(self._engine.invalidate_all)
        await self._connection._transport.unsubscribe(*self._subscriptions)
        self._subscriptions.clear()
        await self._engine.close()

    def _on_event(self, message: Delivered) -> None:
        try:
            event_id = message.headers.get(events.MSG_ID)
            if event_id is not None:
                metadata.check_text(event_id, "an event id")
        except (ValueError, StatusError):
            event_id = None
        self._engine.invalidate_all(event_id)

    async def _fetch(
        self, key: bytes, handler: Handler, request: Message, context: CallContext
    ) -> bytes:
        """The value of a key that is not in memory; whoever waits for it gets the metadata that the
        handler gave, too."""

        async def load(flight: Flight) -> tuple[bytes, bool]:
            return await self._load(flight, handler, request, context)

        flight = self._engine.fetch(key, load)
        try:
            return await flight.value()
        finally:
            if flight.attached is not None:
                _give(flight.attached, context)

    async def _load(
        self, flight: Flight, handler: Handler, request: Message, context: CallContext
    ) -> tuple[bytes, bool]:
        """Runs the handler for whoever asks, with the time of the flight instead of the call's."""
        until = asyncio.get_running_loop().time() + self._timeout
        own = CallContext(
            method=context.method,
            call_id=context.call_id,
            metadata=context.metadata,
            idempotency_key=context.idempotency_key,
            trace=context._trace,
            deadline=until,
        )
        flight.attached = own
        with deadline.scope(until, deadline.current_trace(), context.call_id):
            response = await handler(request, own)
        if not isinstance(response, self._method.response):
            raise no_response(self._method, response)
        keep = not own._response_metadata and not own._trailers
        return response.SerializeToString(), keep


def _give(own: CallContext, context: CallContext) -> None:
    """Takes what a handler wants to travel with its response to the call of one who waited."""
    if own._response_metadata:
        context.response_metadata.update(own._response_metadata)
    if own._trailers:
        context.trailers.update(own._trailers)
