"""A connection to NATS, and the requests that are made on it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from protonats._calling.cancelling import cancel_all
from protonats._calling.methods import CalledMethods
from protonats._calls import Answer, PendingCalls
from protonats._connecting import Connecting
from protonats._streaming.open_streams import OpenStreams
from protonats._timers import Timers
from protonats._transport.choice import nats_transport
from protonats._transport.message import Message
from protonats._transport.transport import Subscription, TransportFactory
from protonats._wire import subjects
from protonats._wire.call import CallIds
from protonats.errors import Code, StatusError
from protonats.metrics import Metrics
from protonats.settings import ConnectionSettings

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from protonats._telemetry.tracing import Tracing

__all__ = ["Connection", "connect"]

_DRAIN_TIMEOUT: Final = 5.0
_MAY_PASS: Final = (Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED)
"""Why a message could not be sent, where trying again may help."""


def connect(
    settings: ConnectionSettings | str | None = None,
) -> Coroutine[Any, Any, Connection]:
    """Connects to NATS.

        async with await protonats.connect("nats://127.0.0.1:4222") as connection:
            quest = QuestServiceClient(connection)

    Args:
        settings: All settings, or a URL alone; None reads the environment.

    Raises:
        ConfigurationError: A setting is not usable.
        StatusError: UNAVAILABLE, if no server was reached within `startup_timeout`;
            PERMISSION_DENIED, if the user may not receive answers at its inbox.
    """
    return Connecting(_connect(settings))


async def _connect(settings: ConnectionSettings | str | None) -> Connection:
    if settings is None:
        settings = ConnectionSettings.from_environment()
    elif isinstance(settings, str):
        settings = ConnectionSettings(servers=(settings,))
    connection = Connection(settings)
    if settings.otel_sample_ratio is not None:
        from protonats._telemetry.switch import switch_on

        switch_on(connection, settings.otel_sample_ratio)
    await connection._open()
    return connection


class Connection:
    """A connection to NATS, made by `connect`; leaving its context drains it.

    Attributes:
        closed: Set when the connection is closed for good, by its owner or by the server.
        close_reason: Why it is closed; None while it is not.
        metrics: What was counted on this connection.
        telemetry: What traces its calls and events; None until `telemetry.instrument`.
    """

    def __init__(
        self, settings: ConnectionSettings, *, transport: TransportFactory = nats_transport
    ) -> None:
        loop = asyncio.get_running_loop()
        self.closed = asyncio.Event()
        self.close_reason: str | None = None
        self.metrics = Metrics()
        self.telemetry: Tracing | None = None
        self._settings = settings
        self._timers = Timers(loop)
        self._clock = loop.time
        self._call_ids = CallIds()
        prefix = subjects.inbox_prefix(settings.name, secrets.token_hex(16))
        self._calls = PendingCalls(prefix, loop, self.metrics)
        self._methods = CalledMethods(self.metrics, settings.breaker)
        self._transport = transport(settings, self)
        self._inbox: Subscription | None = None
        self._on_restored: set[Callable[[], None]] = set()
        self._on_lost: set[Callable[[], None]] = set()
        """Called when the connection breaks, and when it is closed."""
        self._streams = OpenStreams(settings.keepalive_interval)
        self._draining = False

    @property
    def name(self) -> str:
        """The caller's name."""
        return self._settings.name

    @property
    def is_connected(self) -> bool:
        """Whether messages can be sent now."""
        return self._transport.connected

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed for good."""
        return self.closed.is_set()

    @property
    def max_payload(self) -> int:
        """The largest message that the server takes, header block included, in bytes."""
        return self._transport.max_payload

    @property
    def max_message_size(self) -> int:
        """The longest message that is sent or taken, in parts where need be, in bytes."""
        return self._settings.max_message_size

    @property
    def jetstream(self) -> JetStreamContext:
        """nats-py's JetStream interface on this connection."""
        return self._transport.jetstream

    async def drain(self) -> None:
        """Waits up to five seconds for the answers of running calls, lets no new ones begin, sends
        what is left, and closes the connection: as `close` does with what still runs then."""
        self._draining = True
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_TIMEOUT):
                    await self._calls.idle()
        finally:
            await self.close()

    async def close(self) -> None:
        """Closes the connection: calls and streams that are under way fail with UNAVAILABLE, and
        their handlers are cancelled, as far as that can still be said."""
        self._draining = True
        self._streams.leave_all()
        cancel_all(self._transport, self._calls.waiting())
        self._calls.fail_all(Code.UNAVAILABLE, "the connection was closed while the call ran")
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.drain()

    async def _open(self) -> None:
        await self._transport.open()
        try:
            inbox = self._calls.reply_subject("*")
            self._inbox = await self._transport.subscribe(inbox, self._calls.answer)
            await self._transport.barrier()
            self._transport.expect_answers(self._inbox, self._calls.prefix, self._calls.take)
            if self._inbox.denied:
                raise StatusError(
                    Code.PERMISSION_DENIED,
                    f"the NATS server does not let this user subscribe to {inbox}: allow"
                    f" _INBOX.{self.name}.>, or set NATS_NAME to the user's name",
                )
        except BaseException:
            await self._transport.close()
            raise

    def _publish(self, subject: str, body: bytes, block: bytes) -> None:
        """Sends a message that nobody answers; errors are those of `Transport.publish`."""
        if self._draining:
            raise connection_closes()
        self._transport.publish(subject, body, block=block)

    async def _request(
        self,
        subject: str,
        body: bytes,
        block: bytes,
        deadline: float,
        *,
        token: str | None = None,
        begun: bool = False,
    ) -> Message:
        """Sends a request and returns its answer, whatever that says: also the server's own answer,
        with status 503, where nobody is subscribed.

        Args:
            subject: Where the request goes; it can have no white space.
            body: Its body.
            block: Its header block; may be empty.
            deadline: Until when to wait, in the event loop's time.
            token: The last token of the reply subject, new for each request; random by default.
            begun: Whether it belongs to a call that has begun, and is sent by a connection that
                drains, too.

        Raises:
            StatusError: UNAVAILABLE without a connection, or when it breaks; DEADLINE_EXCEEDED;
                PERMISSION_DENIED; RESOURCE_EXHAUSTED for a message that is too large.
        """
        if token is None:
            token = self._call_ids.next()
        future = self._ask(subject, body, block, deadline, token, begun=begun)
        try:
            answer = await future
        except BaseException:
            self._calls.remove(token)
            raise
        if isinstance(answer, StatusError):
            raise answer
        if isinstance(answer, bytes):
            return Message(self._calls.prefix + token, "", b"", answer)
        return answer

    def _ask(
        self,
        subject: str,
        body: bytes,
        block: bytes,
        deadline: float,
        token: str,
        *,
        begun: bool = False,
    ) -> asyncio.Future[Answer]:
        """As `_request`; returns the future of the answer, or of what came in its place. Whoever
        stops to wait for it before it is there has to remove the token from `_calls`."""
        if self._draining and not begun:
            raise connection_closes()
        calls = self._calls
        future = calls.add(token, subject, deadline)
        try:
            self._transport.send(subject, calls.prefix + token, block, body)
        except BaseException as error:
            calls.remove(token)
            if isinstance(error, StatusError):
                error.unhandled = error.code in _MAY_PASS
            raise
        return future

    def connection_lost(self) -> None:
        """Fails running calls at once: their answers cannot come any more."""
        self._calls.fail_all(
            Code.UNAVAILABLE,
            "the connection to NATS was lost while the call ran; it may have been handled",
        )
        self._tell_of_loss()

    def connection_restored(self) -> None:
        """Tells those whose open requests the server has forgotten; the transport has renewed the
        subscriptions."""
        for callback in tuple(self._on_restored):
            callback()

    def connection_closed(self, reason: str) -> None:
        """Fails running calls, and tells whoever waits that no connection will come again."""
        self._calls.fail_all(Code.UNAVAILABLE, f"the connection to NATS is closed: {reason}")
        self.close_reason = reason
        self.closed.set()
        self._tell_of_loss()

    def publish_denied(self, subject: str) -> None:
        """Fails the calls that the server refused to deliver."""
        self.metrics.dropped("publish_denied")
        self._calls.deny(subject)

    def message_dropped(self, reason: str) -> None:
        """Counts it."""
        self.metrics.dropped(reason)

    def _tell_of_loss(self) -> None:
        self._streams.lose_all()
        for callback in tuple(self._on_lost):
            callback()


def connection_closes() -> StatusError:
    """Nothing new is begun on a connection that drains or is closed."""
    return StatusError(Code.UNAVAILABLE, "the connection is closing", unhandled=True)


def check_connection(given: object) -> None:
    """Checks what is given as a connection.

    Raises:
        TypeError: It is none.
    """
    if isinstance(given, Connection):
        return
    if isinstance(given, Coroutine):
        given.close()
        raise TypeError("the connection is not awaited: write `await protonats.connect(…)`")
    raise TypeError(
        "a protonats.Connection is wanted, made by `await protonats.connect(…)`, not"
        f" {type(given).__name__}"
    )
