"""What the runtime asks of a transport: messages to and from NATS, or something that acts like it.

Publishing never waits and never buffers across a lost connection. Callbacks are plain functions,
called in the order in which the messages of a subscription came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from protonats._transport.message import Callback, Listener
from protonats.settings import ConnectionSettings

if TYPE_CHECKING:
    from nats.js import JetStreamContext


class Subscription:
    """A subscription of a transport.

    Attributes:
        subject: What was subscribed to; may contain wildcards.
        denied: Whether the server refused it; known after `Transport.barrier`, and after a
            reconnect.
    """

    __slots__ = ("denied", "subject")

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.denied = False


class Transport(Protocol):
    """One connection; nothing works before `open`."""

    @property
    def connected(self) -> bool:
        """Whether messages can be sent now, and the server knows all subscriptions."""
        ...

    @property
    def max_payload(self) -> int:
        """The largest message that the server takes, header block included, in bytes."""
        ...

    @property
    def unsent(self) -> int:
        """How many bytes wait for the socket."""
        ...

    @property
    def jetstream(self) -> JetStreamContext:
        """nats-py's JetStream interface on this connection."""
        ...

    async def open(self) -> None:
        """Connects, and tries again with growing pauses until the start-up time-out.

        Raises:
            ConfigurationError: A file that the settings name cannot be used.
            StatusError: UNAVAILABLE, if no server could be reached in time.
        """

    def publish(self, subject: str, body: bytes, *, reply: str = "", block: bytes = b"") -> None:
        """Sends a message. It does not wait: what is sent in one turn of the loop leaves together,
        or in a few writes where it is much.

        Args:
            subject: Where it goes.
            body: What follows the header block.
            reply: Where an answer is expected.
            block: The header block, made by `protonats._wire.headers.encode`; may be empty.

        Raises:
            StatusError: UNAVAILABLE without a connection, RESOURCE_EXHAUSTED for a message larger
                than `max_payload` or a full send buffer, INVALID_ARGUMENT for a subject with white
                space or of more than 2,048 bytes.
        """

    def send(self, subject: str, reply: str, block: bytes, body: bytes) -> None:
        """As `publish`, where subject and reply subject can have no white space: those of a schema,
        those that came with a message, and the connection's own reply subjects."""

    async def writable(self) -> None:
        """Returns when few enough bytes wait for the socket, as a rule at once. Whoever sends much
        awaits it between messages, and so goes at the pace of the connection.

        Raises:
            StatusError: UNAVAILABLE, if there is no connection, or it breaks meanwhile.
        """

    async def subscribe(self, subject: str, callback: Callback, *, queue: str = "") -> Subscription:
        """Subscribes; the server knows of it after `barrier`. A callback that raises is logged and
        counted, and gets the next message all the same.

        Raises:
            StatusError: UNAVAILABLE, if the connection is closed.
        """
        ...

    def expect_answers(self, inbox: Subscription, prefix: str, take: TakeAnswer) -> None:
        """Lets `take` see what comes by a subscription before its callback does, where that is an
        answer without headers to a call; a transport may as well give all to the callback.

        Args:
            inbox: The subscription.
            prefix: What the subjects of answers begin with; a token of 32 characters follows.
            take: Gets token and body; False, if that is no answer to a call.
        """

    async def unsubscribe(self, *subscriptions: Subscription) -> None:
        """Ends subscriptions, and returns when their callbacks have seen everything that had
        arrived."""

    async def barrier(self) -> None:
        """Returns when the server has handled everything that was sent before.

        Raises:
            StatusError: UNAVAILABLE, if the connection breaks meanwhile.
        """

    async def close(self) -> None:
        """Sends what is left, and closes the connection for good."""


TakeAnswer: TypeAlias = Callable[[str, bytes], bool]
"""Takes the token and the body of an answer; False, if nobody waits for it."""

TransportFactory: TypeAlias = Callable[[ConnectionSettings, Listener], Transport]
"""Makes the transport of a connection."""
