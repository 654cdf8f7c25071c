"""Takes the messages of our subscriptions out of what the server sends, before nats-py reads it.

nats-py makes an object, a queue entry and a task switch of each message. Here, a message goes from
the bytes that came straight to its callback. Everything else is left to nats-py: whole commands, in
the order in which they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from protonats._transport.message import Callback, Message, rescued
from protonats._transport.nats_client import HMSG, MSG
from protonats._transport.transport import TakeAnswer
from protonats._wire import headers

_END: Final = b"\r\n"


_TOKEN: Final = 32


class Answers:
    """What the answers to calls look like that have no header block, and who takes them.

    Of such a message, everything but token, size and body is known before it comes.
    """

    __slots__ = ("head", "tail", "take")

    def __init__(self) -> None:
        self.head = _END
        """What their commands begin with, up to the token; no command begins as this does."""

        self.tail = b""
        """What stands between token and size."""

        self.take: TakeAnswer = _nobody

    def expect(self, prefix: str, number: int, take: TakeAnswer) -> None:
        """Hands over answers from now on.

        Args:
            prefix: What their subjects begin with; a token of 32 characters follows.
            number: The subscription that they come by.
            take: Gets token and body; False, if nobody waits for it. It never raises.
        """
        self.head = f"MSG {prefix}".encode()
        self.tail = b" %d " % number
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
        callbacks, find = self._callbacks, data.find
        head, tail, take = self._answers.head, self._answers.tail, self._answers.take
        to_tail, to_size = len(head) + _TOKEN, len(head) + _TOKEN + len(tail)
        while begin < size:
            if data.startswith(head, begin) and data.startswith(tail, begin + to_tail):
                line_end = find(_END, begin + to_size)
                number = data[begin + to_size : line_end]
                if line_end > 0 and number.isdigit():
                    start = line_end + 2
                    stop = start + int(number)
                    token = data[begin + len(head) : begin + to_tail].decode("latin-1")
                    if stop + 2 <= size and take(token, data[start:stop]):
                        begin = stop + 2
                        continue
            line_end = find(_END, begin)
            if line_end < 0:
                return begin, size + 1
            line = data[begin:line_end]
            words = line.split(b" ")
            count = len(words)
            callback = callbacks.get(words[2]) if count > 3 else None
            # The server writes one blank between two words; what is written otherwise is left to
            # regular expressions.
            plain = callback is not None and words[1] and b"\t" not in line and words[-1].isdigit()
            if plain and words[0] == b"MSG" and count < 6:
                subject, reply = words[1], words[3] if count == 5 else b""
                head_size, total = 0, int(words[-1])
            elif plain and words[0] == b"HMSG" and 4 < count < 7 and words[-2].isdigit():
                subject, reply = words[1], words[3] if count == 6 else b""
                head_size, total = int(words[-2]), int(words[-1])
            else:
                match = MSG.match(line + _END) or HMSG.match(line + _END)
                if match is None:
                    return begin, line_end + 2
                subject, number, _, reply, *sizes = match.groups(b"")
                head_size, total = int(sizes[0]) if len(sizes) == 2 else 0, int(sizes[-1])
                callback = callbacks.get(b"%d" % int(number))
            start = line_end + 2
            stop = start + total
            if callback is None or stop + 2 > size:
                return begin, stop + 2
            begin = stop + 2
            head_end = start + head_size
            block = data[start:head_end] if head_size else b""
            try:
                if head_size and (head_size > total or not headers.is_block(block)):
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
