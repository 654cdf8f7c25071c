"""Messages of every shape that hypothesis finds, given to whoever subscribes."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from protonats._transport.message import Message
from protonats._wire import headers
from protonats.testing import EmbeddedNats
from tests.faults.attack import all_kinds_work
from tests.functional.echo import dropped, eventually
from tests.functional.raw_streams import announce
from tests.functional.streams import Streams, pair

_CALL_ID = "0123456789abcdef" * 2
_NAMES = (
    "Pn-Stream",
    "Pn-End",
    "Pn-Part",
    "Pn-Fetch",
    "Pn-Instance",
    "Pn-Unhandled",
    "Pn-Idempotency-Key",
    "Pn-Caller",
    "Nats-Service-Error-Code",
    "Nats-Service-Error",
    "traceparent",
    "user",
)
_HEX = st.text("0123456789abcdefABCDEF-", max_size=30)
_VALUES = st.one_of(
    _HEX,
    st.text(max_size=20),
    st.integers(-1, 1 << 70).map(str),
    st.builds(lambda a, b: f"{a:08x}-{b:08x}", *[st.integers(0, 0xFFFFFFFF)] * 2),
)
_LINES = st.dictionaries(
    st.sampled_from(_NAMES),
    _VALUES,
    max_size=4,
)
_CALLS = st.one_of(
    st.builds(
        lambda ms, rest: f"01-{_CALL_ID}-{ms:08x}{rest}",
        st.integers(0, 50),
        st.sampled_from(["", "-", "-x", f"-{'a' * 32}-{'b' * 16}-01", f"-{'a' * 32}"]),
    ),
    _VALUES,
)


def _block(call: str | None, stream: bool, lines: dict[str, str]) -> bytes:
    opening = {} if call is None else {"Pn-Call": call}
    if stream:
        opening["Pn-Stream"] = announce(1)
    return headers.encode({**opening, **lines}).replace(b"\n\n", b"\n")


_MESSAGES = st.tuples(
    st.integers(0, 8),
    st.builds(_block, st.none() | _CALLS, st.booleans(), _LINES),
    st.one_of(
        st.binary(max_size=60),
        st.builds(lambda kind, rest: bytes([kind]) + rest, st.integers(0, 5), st.binary()),
    ),
    st.sampled_from(["", "_INBOX.raw.1.2"]),
)


@settings(max_examples=60)
@given(sent=st.lists(_MESSAGES, min_size=1, max_size=40))
def test_no_message_raises(nats: EmbeddedNats, sent: list[tuple[int, bytes, bytes, str]]) -> None:
    async def attack() -> None:
        async with pair(nats.url, Streams()) as both:
            instance, connection = both.instance, both.client._connection
            serving = instance._serving
            await all_kinds_work(both)
            for target, block, body, reply in sent:
                if target < 5:
                    endpoint = instance.endpoints[target]
                    subject = endpoint.template.listen.replace("*", "hi")
                    instance._reception.receive(endpoint, Message(subject, reply, block, body))
                elif target == 5:
                    subject = serving.follow_ups.subject.replace("*", _CALL_ID)
                    serving.follow_ups.receive(Message(subject, reply, block, body))
                elif target == 6:
                    message = Message(serving.cancellations.subject, "", block, body)
                    serving.cancellations.receive(message)
                else:
                    subject = connection._calls.reply_subject(_CALL_ID)
                    connection._calls.answer(Message(subject, "", block, body))
                if target == 8:
                    await asyncio.sleep(0)
            await asyncio.sleep(0)
            for call_id in list(serving.cancellations._calls):
                block = headers.encode({"Pn-Call": f"01-{call_id}-00000000"})
                serving.cancellations.receive(
                    Message(serving.cancellations.subject, "", block, b"")
                )
            await eventually(lambda: not both.left())
            await all_kinds_work(both)
            assert "defect" not in {**dropped(both.server), **dropped(connection)}

    asyncio.run(attack())
