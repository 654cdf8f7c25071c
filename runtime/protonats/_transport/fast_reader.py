"""Takes the messages of our subscriptions out of what the server sends, before nats-py reads it.

nats-py makes an object, a queue entry and a task switch of each message. Here, a message goes from
the bytes that came straight to its callback. Everything else is left to nats-py: whole commands, in
the order in which they came.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final

from protonats._transport.message import Callback, Message, rescued
from protonats._transport.nats_client import HMSG, MSG
from protonats._transport.transport import TakeAnswer
from protonats._wire import headers

_END: Final = b"\r\n"
_H: Final = ord("H")

_match_plain: Final = re.compile(
    rb"MSG ([^ \t\r\n]+) ([0-9]{1,10}) (?:([^ \t\r\n]+) )?([0-9]{1,10})\r\n"
).match
_match_with_block: Final = re.compile(
    rb"HMSG ([^ \t\r\n]+) ([0-9]{1,10}) (?:([^ \t\r\n]+) )?([0-9]{1,10}) ([0-9]{1,10})\r\n"
).match
"""Commands as the server writes them, with one blank between two words: subject, subscription,
reply subject, size of the header block, size. What may be written otherwise too takes longer."""


class Answers:
    """What the answers to calls look like that have no header block, and who takes them.

    Of such a message, everything but token, size and body is known before it comes.
    """

    __slots__ = ("match", "take")

    def __init__(self) -> None:
        self.match = re.compile(rb"(?!)()()").match
        """Finds token and size in their commands; in none, to begin with."""

        self.take: TakeAnswer = _nobody

    def expect(self, prefix: str, number: int, take: TakeAnswer) -> None:
        """Hands over answers from now on.

        Args:
            prefix: What their subjects begin with; a token of 32 characters follows.
            number: The subscription that they come by.
            take: Gets token and body; False, if nobody waits for it. It never raises.
        """
        self.match = re.compile(
            rb"MSG %b([!-~]{32}) %d ([0-9]{1,10})\r\n" % (re.escape(prefix.encode()), number)
        ).match
        self.take = take


def _nobody(token: str, body: bytes) -> bool:
    return False


class FastReader:
    """Reads what comes on one connection, from the first byte of a command on."""

    __slots__ = (
        "_answers",
        "_callbacks",
        "_missing",
        "_on_batch",
        "_on_defect",
        "_on_malformed",
        "_others",
        "_rest",
    )

    def __init__(
        self,
        callbacks: dict[bytes, Callback],
        answers: Answers,
        *,
        others: Callable[[bytes], None],
        on_batch: Callable[[], None],
        on_malformed: Callable[[], None],
        on_defect: Callable[[str], None],
    ) -> None:
        """
        Args:
            callbacks: Who gets the messages of a subscription, by its number as it stands in a
                command.
            answers: What is handed over before that.
            others: Gets all commands but the messages of these subscriptions.
            on_batch: Called when several messages, or one, have been handed over.
            on_malformed: Called for each message that cannot be read.
            on_defect: Called with the subject, while the exception of a callback is handled.
        """
        self._callbacks = callbacks
        self._answers = answers
        self._others = others
        self._on_batch = on_batch
        self._on_malformed = on_malformed
        self._on_defect = on_defect
        self._rest: list[bytes] = []
        self._missing = 0

    def feed(self, data: bytes) -> None:
        """Takes the next bytes that came."""
        if self._rest:
            self._rest.append(data)
            if len(data) < self._missing:
                # A large message is put together once, when all of it is there.
                self._missing -= len(data)
                return
            data = b"".join(self._rest)
            self._rest.clear()
        size, begin, handed_over = len(data), 0, False
        while begin < size:
            first = begin
            begin, stop = self._deliver(data, begin, size)
            handed_over = handed_over or begin > first
            if begin < size:
                if stop > size:
                    self._rest.append(data[begin:])
                    self._missing = stop - size
                    break
                self._others(data[begin:stop])
                begin = stop
        if handed_over:
            self._on_batch()

    def _deliver(self, data: bytes, begin: int, size: int) -> tuple[int, int]:
        """Hands over messages until something else comes, or the end. Returns where the next
        command begins, and where it ends: beyond `size`, if it is not complete."""
        callback_of = self._callbacks.get
        match_answer, take = self._answers.match, self._answers.take
        while begin < size:
            if data[begin] != _H and (match := match_answer(data, begin)) is not None:
                token, length = match.groups()
                start = match.end()
                stop = start + int(length)
                if stop + 2 <= size and take(token.decode(), data[start:stop]):
                    begin = stop + 2
                    continue
            if (match := _match_with_block(data, begin)) is not None:
                subject, number, reply, head_length, length = match.groups(b"")
                callback, head_size = callback_of(number), int(head_length)
            elif (match := _match_plain(data, begin)) is not None:
                subject, number, reply, length = match.groups(b"")
                callback, head_size = callback_of(number), 0
            elif (match := MSG.match(data, begin) or HMSG.match(data, begin)) is not None:
                subject, number, _, reply, *lengths = match.groups(b"")
                callback, length = callback_of(b"%d" % int(number)), lengths[-1]
                head_size = int(lengths[0]) if len(lengths) == 2 else 0
            else:
                line_end = data.find(_END, begin)
                return begin, size + 1 if line_end < 0 else line_end + 2
            start = match.end()
            stop = start + int(length)
            if callback is None or stop + 2 > size:
                return begin, stop + 2
            begin = stop + 2
            head_end = start + head_size
            block = data[start:head_end] if head_size else b""
            try:
                if head_size and (head_end > stop or not headers.is_block(block)):
                    raise ValueError("a header block begins with NATS/1.0")
                message = Message(subject.decode(), reply.decode(), block, data[head_end:stop])
            except ValueError:
                unreadable = rescued(subject, reply, data[start:stop])
                if unreadable is None:
                    self._on_malformed()
                    continue
                message = unreadable
            try:
                callback(message)
            except (Exception, asyncio.CancelledError):
                # The second one is no cancellation: nobody waits here.
                self._on_defect(message.subject)
        return begin, size
