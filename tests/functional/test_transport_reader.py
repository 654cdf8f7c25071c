"""The fast reader gives every message to its callback, and every other command to nats-py."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protonats._transport.fast_reader import Answers, FastReader
from protonats._transport.message import Message
from protonats._transport.nats_client import BlankParser

_OURS = {b"1", b"12", b"7"}
_PREFIX = "_INBOX.a."
_WAITING, _UNKNOWN = "0123456789abcdef" * 2, "f" * 32


class Recorder:
    """What a client would be told by nats-py's parser."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        self.told.append((sid, subject.decode(), reply.decode(), headers or b"", data))

    async def _process_ping(self) -> None:
        self.told.append(("PING",))

    async def _process_pong(self) -> None:
        self.told.append(("PONG",))

    async def _process_err(self, text: str) -> None:
        self.told.append(("ERR", text))

    async def _process_info(self, info: dict[str, Any]) -> None:
        self.told.append(("INFO", info))


class Reading:
    """A fast reader, with nats-py's parser behind it."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.passed: list[bytes] = []
        self.batches = 0
        self.malformed = 0
        self.defects: list[str] = []
        self.callbacks = {number: self._callback(int(number)) for number in _OURS}
        self.taken = 0
        answers = Answers()
        answers.expect(_PREFIX, 7, self._take)
        self.reader = FastReader(
            self.callbacks,
            answers,
            others=self._pass,
            on_batch=self._count_batch,
            on_malformed=self._count_malformed,
            on_defect=self.defects.append,
        )

    def _callback(self, number: int) -> Any:
        def take(message: Message) -> None:
            self.told.append((number, message.subject, message.reply, message.block, message.body))

        return take

    def _take(self, token: str, body: bytes) -> bool:
        if token != _WAITING:
            return False
        self.taken += 1
        self.told.append((7, _PREFIX + token, "", b"", body))
        return True

    def _pass(self, data: bytes) -> None:
        self.passed.append(data)
        recorder = Recorder()
        asyncio.run(BlankParser(recorder).parse(data))
        self.told += recorder.told

    def _count_batch(self) -> None:
        self.batches += 1

    def _count_malformed(self) -> None:
        self.malformed += 1


def stock(data: bytes) -> list[tuple[Any, ...]]:
    """What nats-py's parser makes of the bytes."""
    recorder = Recorder()
    asyncio.run(BlankParser(recorder).parse(data))
    return recorder.told


_subjects = st.text(
    st.characters(exclude_characters=" \t\r\n", codec="utf-8"), min_size=1, max_size=8
)
_blanks = st.sampled_from([b" ", b" ", b" ", b"\t", b"  ", b" \t "])
_numbers = st.sampled_from([b"1", b"12", b"7", b"2", b"71", b"120"])
_bodies = st.binary(max_size=40) | st.sampled_from(
    [b"", b"\r\n", b"MSG a 1 1\r\nx\r\n", b"x" * 500]
)
_lines = st.sampled_from([b"", b"A: b\r\n", b"Pn-Call: x\r\nB:\r\n"])


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    words = [draw(_subjects).encode(), draw(_numbers)]
    if draw(st.booleans()):
        words.append(draw(_subjects).encode())
    body = draw(_bodies)
    block = b""
    if draw(st.booleans()):
        block = draw(st.sampled_from([b"NATS/1.0\r\n", b"NATS/1.0 503\r\n"]))
        block += draw(_lines) + b"\r\n"
        words.append(b"%d" % len(block))
    words.append(b"%d" % (len(block) + len(body)))
    line = b"HMSG" if block else b"MSG"
    for word in words:
        line += draw(_blanks) + word
    return line + b"\r\n" + block + body + b"\r\n"


_answers = st.sampled_from(
    [
        f"MSG {subject} {rest}\r\nabc\r\n".encode()
        for subject in (
            _PREFIX + _WAITING,
            _PREFIX + _UNKNOWN,
            _PREFIX + _WAITING[1:],
            _PREFIX + "é" * 16,
            "_INBOX.b." + _WAITING,
        )
        for rest in ("7 3", "12 3", "70 3", "7 reply 3", "7  3", "7 3 3")
    ]
)

_commands = (
    _messages()
    | _answers
    | st.sampled_from(
        [
            b"PING\r\n",
            b"PONG\r\n",
            b"+OK\r\n",
            b"-ERR 'Permissions Violation for Publish to \"a b\"'\r\n",
            b'INFO {"server_id":"x","connect_urls":["a:1"]}\r\n',
        ]
    )
)


@given(
    commands=st.lists(_commands, min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 4000), max_size=10),
)
def test_however_the_bytes_are_cut_it_reads_what_nats_py_reads(
    commands: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(commands)
    reading = Reading()
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for begin, end in pairwise(bounds):
        reading.reader.feed(data[begin:end])
    assert reading.told == stock(data)
    assert not reading.malformed


@given(command=_messages())
def test_every_single_byte_may_come_alone(command: bytes) -> None:
    reading = Reading()
    for position in range(len(command)):
        assert reading.told == []
        reading.reader.feed(command[position : position + 1])
    assert reading.told == stock(command)


def test_messages_of_others_are_passed_on_as_they_came() -> None:
    data = (
        b"MSG a 2 3\r\nabc\r\nPING\r\nMSG a 1 1\r\nx\r\nHMSG b 3 r 12 13\r\nNATS/1.0\r\n\r\ny\r\n"
    )
    reading = Reading()
    reading.reader.feed(data)
    assert reading.passed == [
        b"MSG a 2 3\r\nabc\r\n",
        b"PING\r\n",
        b"HMSG b 3 r 12 13\r\nNATS/1.0\r\n\r\ny\r\n",
    ]
    assert reading.batches == 1


def test_a_large_message_in_small_pieces_is_put_together() -> None:
    body = bytes(range(256)) * 4096
    data = b"MSG big 12 %d\r\n%b\r\nMSG end 12 0\r\n\r\n" % (len(body), body)
    reading = Reading()
    for begin in range(0, len(data), 1000):
        reading.reader.feed(data[begin : begin + 1000])
    assert reading.told == [(12, "big", "", b"", body), (12, "end", "", b"", b"")]


def test_nothing_is_told_twice_of_a_batch_without_messages() -> None:
    reading = Reading()
    reading.reader.feed(b"PING\r\nMSG a 2 1\r\nx\r\n")
    assert reading.batches == 0


@pytest.mark.parametrize(
    "bad",
    [
        b"MSG \xff 1 1\r\nx\r\n",
        b"MSG a 1 \xff 1\r\nx\r\n",
        b"HMSG a 1 4 5\r\nXXXXy\r\n",
        b"HMSG a 1 8 8\r\nNATS/1.0\r\n",
        b"HMSG a 1 12 4\r\nNATS\r\n",
    ],
)
def test_a_message_that_cannot_be_read_is_counted_and_the_next_one_comes(bad: bytes) -> None:
    reading = Reading()
    reading.reader.feed(bad + b"MSG a 1 2\r\nok\r\n")
    assert reading.told == [(1, "a", "", b"", b"ok")]
    assert reading.malformed == 1


@pytest.mark.parametrize("error", [ValueError("a defect"), asyncio.CancelledError()])
def test_a_callback_that_raises_does_not_end_the_reading(error: BaseException) -> None:
    def fail(message: Message) -> None:
        raise error

    reading = Reading()
    reading.callbacks[b"1"] = fail
    reading.reader.feed(b"MSG bad 1 1\r\nx\r\nMSG good 7 1\r\ny\r\n")
    assert reading.defects == ["bad"]
    assert [told[1] for told in reading.told] == ["good"]


def test_a_subscription_that_ends_in_a_callback_gets_no_more() -> None:
    reading = Reading()

    def last(message: Message) -> None:
        reading.told.append((message.body,))
        del reading.callbacks[b"1"]

    reading.callbacks[b"1"] = last
    reading.reader.feed(b"MSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\n")
    assert reading.told[0] == (b"x",)
    assert reading.passed == [b"MSG a 1 1\r\ny\r\n"]


def test_a_plain_answer_goes_to_who_waits_for_it_and_all_others_to_the_callback() -> None:
    reading = Reading()
    for token in (_WAITING, _UNKNOWN):
        reading.reader.feed(f"MSG {_PREFIX}{token} 7 3\r\nabc\r\n".encode())
    reading.reader.feed(f"MSG {_PREFIX}{_WAITING} 7 reply 3\r\nabc\r\n".encode())
    assert reading.taken == 1
    assert reading.told == [
        (7, _PREFIX + _WAITING, "", b"", b"abc"),
        (7, _PREFIX + _UNKNOWN, "", b"", b"abc"),
        (7, _PREFIX + _WAITING, "reply", b"", b"abc"),
    ]
