"""Calls that wait for their answer, and streams that wait for more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Final, NamedTuple, TypeAlias

from protonats._transport.message import Message
from protonats.errors import Code, StatusError
from protonats.metrics import Metrics

Answer: TypeAlias = Message | bytes | StatusError
"""What ends the wait: a message, the body of one that has no header block, or the reason why none
will come."""

OnFailure: TypeAlias = Callable[[StatusError], None]


_TICK: Final = 0.004
"""Seconds between two looks for calls whose deadline has passed, at least."""


class _Stream(NamedTuple):
    """A stream that may get more."""

    on_message: Callable[[Message], None]
    on_failure: OnFailure
    subject: str


class PendingCalls:
    """The calls of one connection, by the token that their reply subject ends in.

    All of them share one timer, for the earliest deadline that there was when it was set: nothing
    is done about the deadline of a call that is answered in time, which are almost all.

    Attributes:
        prefix: What all reply subjects begin with; the token follows.
    """

    def __init__(self, prefix: str, loop: asyncio.AbstractEventLoop, metrics: Metrics) -> None:
        self.prefix = prefix
        self._metrics = metrics
        self._loop = loop
        self._calls: dict[str, tuple[asyncio.Future[Answer], float, str]] = {}
        """Of each call, its deadline and its subject as well."""
        self._streams: dict[str, _Stream] = {}
        self._in_parts: dict[str, str] = {}
        """The subject of each call whose message goes in parts."""
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = inf
        """When `_timer` is due."""
        self._idle: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._calls) + len(self._streams)

    def reply_subject(self, token: str) -> str:
        """Where the answer to the call `token` is expected."""
        return self.prefix + token

    def add(self, token: str, subject: str, deadline: float) -> asyncio.Future[Answer]:
        """Notes a call to `subject`, and returns the future of its answer, which is
        DEADLINE_EXCEEDED when the deadline, in the loop's time, has passed by 4 ms at most. Whoever
        stops to wait before has to `remove` it."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._calls[token] = (future, deadline, subject)
        if deadline < self._looks_at:
            self._look_at(deadline)
        return future

    def add_stream(
        self,
        token: str,
        subject: str,
        on_message: Callable[[Message], None],
        on_failure: OnFailure,
    ) -> None:
        """Notes a stream to `subject`, until it is removed.

        Args:
            token: What its reply subject ends in.
            subject: What its first message is sent to.
            on_message: Called for each message that comes to the reply subject.
            on_failure: Called at most once, when no more can come: the connection broke or was
                closed, or the server refused the first message. The stream is removed before.
        """
        self._streams[token] = _Stream(on_message, on_failure, subject)

    def remove(self, token: str) -> None:
        """Forgets a call or a stream: what comes later is ignored."""
        if self._calls.pop(token, None) is None:
            self._streams.pop(token, None)
        self._tell_if_idle()

    def take(self, token: str, body: bytes) -> bool:
        """Takes the body of an answer without header block to its call; False, if none waits."""
        call = self._calls.pop(token, None)
        if call is None:
            return False
        future = call[0]
        if not future.done():
            future.set_result(body)
        if self._idle is not None:
            self._tell_if_idle()
        return True

    def answer(self, message: Message) -> None:
        """Takes a message of the inbox to the call or stream that it is for, and drops and counts
        it if that does not wait any more."""
        token = message.subject[len(self.prefix) :]
        call = self._calls.pop(token, None)
        if call is not None:
            future = call[0]
            if not future.done():
                future.set_result(message)
            if self._idle is not None:
                self._tell_if_idle()
            return
        stream = self._streams.get(token)
        if stream is not None:
            stream[0](message)
        else:
            self._metrics.dropped("unknown_call")

    @contextmanager
    def in_parts(self, token: str, subject: str) -> Iterator[None]:
        """Counts a call to `subject` as one that waits, also between two parts of a message."""
        self._in_parts[token] = subject
        try:
            yield
        finally:
            del self._in_parts[token]
            self._tell_if_idle()

    def waiting(self) -> list[tuple[str, str]]:
        """Token and subject of each call that waits for its answer."""
        calls = [(token, subject) for token, (_, _, subject) in self._calls.items()]
        return [*calls, *self._in_parts.items()]

    def fail_all(self, code: Code, text: str) -> None:
        """Ends every call and stream with a status."""
        for token in (*self._calls, *self._streams):
            self._fail(token, StatusError(code, text))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._looks_at = inf

    def deny(self, subject: str) -> None:
        """Ends the calls and streams to a subject, in lower case, with PERMISSION_DENIED."""
        called = {
            token: entry[2]
            for table in (self._calls, self._streams)
            for token, entry in table.items()
        }
        for token, target in called.items():
            if subject in (target.lower(), self.reply_subject(token).lower()):
                text = f"the NATS server does not let this user publish to {target}"
                self._fail(token, StatusError(Code.PERMISSION_DENIED, text))

    async def idle(self) -> None:
        """Returns when no call or stream waits."""
        if self._idle is None:
            self._idle = asyncio.Event()
        while self._is_busy():
            self._idle.clear()
            await self._idle.wait()

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = when
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        """Ends the calls whose deadline has passed."""
        self._timer = None
        self._looks_at = inf
        now = self._loop.time()
        for token, (_, deadline, subject) in tuple(self._calls.items()):
            if deadline <= now:
                text = f"no answer from {subject} before the deadline"
                self._fail(token, StatusError(Code.DEADLINE_EXCEEDED, text))
        if self._calls:
            # A look goes through all calls: not more often than there are ticks.
            earliest = min(deadline for _, deadline, _ in self._calls.values())
            self._look_at(max(now + _TICK, earliest))

    def _fail(self, token: str, error: StatusError) -> None:
        call, stream = self._calls.get(token), self._streams.get(token)
        self.remove(token)
        if call is not None and not call[0].done():
            call[0].set_result(error)
        elif stream is not None:
            stream.on_failure(error)

    def _tell_if_idle(self) -> None:
        if self._idle is not None and not self._is_busy():
            self._idle.set()

    def _is_busy(self) -> bool:
        return bool(self._calls or self._streams or self._in_parts)
