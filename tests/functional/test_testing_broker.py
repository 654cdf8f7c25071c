"""The NATS of one process does with messages what a nats-server does: each test runs on both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from protonats._transport.message import Message
from protonats._transport.transport import Transport
from protonats._wire import headers
from protonats.connection import Connection, connect
from protonats.errors import Code, StatusError
from protonats.testing import EmbeddedNats, LocalPlatform
from tests.functional.echo import dropped, eventually

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["in process", "nats-server"])
async def connections(
    request: pytest.FixtureRequest, nats: EmbeddedNats
) -> AsyncIterator[tuple[Connection, Connection]]:
    async with AsyncExitStack() as stack:
        if request.param == "in process":
            platform = await stack.enter_async_context(LocalPlatform())
            yield platform.connection, await platform.connect("other")
        else:
            one = await stack.enter_async_context(await connect(nats.url))
            yield one, await stack.enter_async_context(await connect(nats.url))


@pytest.fixture
def sender(connections: tuple[Connection, Connection]) -> Transport:
    return connections[0]._transport


@pytest.fixture
def receiver(connections: tuple[Connection, Connection]) -> Transport:
    return connections[1]._transport


class Inbox:
    """What comes by a subscription."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def bodies(self) -> list[bytes]:
        return [message.body for message in self.messages]

    async def until(self, body: bytes) -> list[bytes]:
        """Waits for a message; gives what came before it."""
        await eventually(lambda: body in self.bodies)
        return self.bodies[: self.bodies.index(body)]


@pytest.mark.parametrize(
    ("pattern", "reached"),
    [
        ("t.one.two", ["t.one.two"]),
        ("t.*.two", ["t.one.two", "t.x.two"]),
        ("t.*", ["t.one"]),
        ("t.>", ["t.one", "t.one.two", "t.x.two"]),
        ("*.one", ["t.one"]),
    ],
)
async def test_who_gets_what(
    sender: Transport, receiver: Transport, pattern: str, reached: list[str]
) -> None:
    inbox = Inbox()
    await receiver.subscribe(pattern, inbox)
    await receiver.subscribe("end", inbox)
    await receiver.barrier()
    for subject in ("t", "t.one", "t.one.two", "t.x.two", "u.x.three", "end"):
        sender.publish(subject, subject.encode())
    assert await inbox.until(b"end") == [subject.encode() for subject in reached]


async def test_a_message_arrives_as_it_was_sent(sender: Transport, receiver: Transport) -> None:
    inbox = Inbox()
    await receiver.subscribe("t.*", inbox)
    await receiver.barrier()
    block = headers.encode({"A": "b", "C": "d e"})
    sender.publish("t.one", b"\x00\r\nbody", reply="_INBOX.x", block=block)
    sender.publish("t.two", b"")
    await inbox.until(b"")
    first, second = inbox.messages
    assert (first.subject, first.reply, first.block) == ("t.one", "_INBOX.x", block)
    assert first.body == b"\x00\r\nbody"
    assert (second.subject, second.reply, second.block) == ("t.two", "", b"")


async def test_one_of_each_queue_group_gets_a_message(
    sender: Transport, receiver: Transport
) -> None:
    plain, one, other, third = Inbox(), Inbox(), Inbox(), Inbox()
    await receiver.subscribe("t", plain)
    await receiver.subscribe("t", one, queue="q")
    await sender.subscribe("t", other, queue="q")
    await receiver.subscribe("t", third, queue="r")
    await receiver.barrier()
    await sender.barrier()
    for number in range(100):
        sender.publish("t", b"%d" % number)
    await eventually(lambda: len(plain.messages) == len(third.messages) == 100)
    await eventually(lambda: len(one.messages) + len(other.messages) == 100)
    assert {*one.bodies, *other.bodies} == set(plain.bodies)
    assert one.messages
    assert plain.bodies == [b"%d" % number for number in range(100)]


async def test_a_request_that_nobody_hears_is_answered(sender: Transport) -> None:
    inbox = Inbox()
    await sender.subscribe("_INBOX.me.*", inbox)
    sender.publish("nobody.there", b"", reply="_INBOX.me.1")
    await eventually(lambda: len(inbox.messages) == 1)
    (answer,) = inbox.messages
    assert (answer.subject, answer.status, answer.body) == ("_INBOX.me.1", "503", b"")


async def test_who_has_unsubscribed_gets_no_more(sender: Transport, receiver: Transport) -> None:
    inbox, other = Inbox(), Inbox()
    subscription = await receiver.subscribe("t", inbox)
    await receiver.subscribe("t", other)
    await receiver.barrier()
    sender.publish("t", b"one")
    await other.until(b"one")
    await receiver.unsubscribe(subscription)
    await receiver.unsubscribe(subscription)
    sender.publish("t", b"two")
    await other.until(b"two")
    assert inbox.bodies == [b"one"]


async def test_a_callback_that_raises_gets_the_next_message(
    connections: tuple[Connection, Connection], caplog: pytest.LogCaptureFixture
) -> None:
    sender, receiver = connections
    inbox = Inbox()

    def fail(message: Message) -> None:
        inbox(message)
        if message.body == b"one":
            raise ValueError("no")

    await receiver._transport.subscribe("t", fail)
    await receiver._transport.barrier()
    sender._transport.publish("t", b"one")
    sender._transport.publish("t", b"two")
    await inbox.until(b"two")
    assert dropped(receiver) == {"defect": 1}
    assert "the callback for t failed" in caplog.text


async def test_what_cannot_be_sent_is_refused(sender: Transport) -> None:
    with pytest.raises(StatusError) as failure:
        sender.publish("t", b"x" * (sender.max_payload + 1))
    assert failure.value.code is Code.RESOURCE_EXHAUSTED
    for subject in ("", "a b", "x" * 3000):
        with pytest.raises(StatusError) as failure:
            sender.publish(subject, b"")
        assert failure.value.code is Code.INVALID_ARGUMENT


async def test_whoever_sends_much_may_wait(sender: Transport, receiver: Transport) -> None:
    inbox = Inbox()
    await receiver.subscribe("t", inbox)
    await receiver.barrier()
    for _ in range(100):
        await sender.writable()
        sender.publish("t", b"x" * 100_000)
        assert sender.unsent < 1024 * 1024
    sender.publish("t", b"end")
    assert len(await inbox.until(b"end")) == 100


async def test_a_closed_connection_sends_nothing(
    connections: tuple[Connection, Connection],
) -> None:
    connection, _ = connections
    await connection.close()
    assert connection.is_closed
    assert connection.close_reason == "it was closed"
    transport = connection._transport
    for use in (transport.barrier, transport.writable):
        with pytest.raises(StatusError) as failure:
            await use()
        assert failure.value.code is Code.UNAVAILABLE
    with pytest.raises(StatusError) as failure:
        await transport.subscribe("t", lambda message: None)
    assert failure.value.code is Code.UNAVAILABLE
