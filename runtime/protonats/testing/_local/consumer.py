"""A durable pull consumer of JetStream: deliveries, acknowledgements, redeliveries."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any, Final

from protonats._transport.message import Message
from protonats._wire import headers, subjects
from protonats.testing._local.broker import Broker
from protonats.testing._local.stream import LocalStream, Stored, timestamp

_ACK_WAIT: Final = 30_000_000_000
_PER_SECOND: Final = 1_000_000_000


class _Pull:
    """One request for messages."""

    def __init__(self, reply: str, request: dict[str, Any]) -> None:
        self.reply = reply
        self.left = max(int(request.get("batch") or 1), 1)
        self.heartbeat = int(request.get("idle_heartbeat") or 0) / _PER_SECOND
        self.timers: list[asyncio.TimerHandle] = []
        self.quiet_since = 0.0

    def end(self) -> None:
        for timer in self.timers:
            timer.cancel()


class LocalConsumer:
    """One consumer.

    Attributes:
        config: Its configuration, as the API of JetStream writes it.
    """

    def __init__(
        self, broker: Broker, stream: LocalStream[LocalConsumer], config: dict[str, Any]
    ) -> None:
        self.config = config
        self._broker = broker
        self._loop = broker.loop
        self._stream = stream
        self._created = broker.wall_time()
        self._waiting: deque[Stored] = deque()
        self._pending: dict[int, tuple[Stored, asyncio.TimerHandle]] = {}
        self._deliveries: dict[int, int] = {}
        self._again: deque[Stored] = deque()
        self._delays: dict[int, asyncio.TimerHandle] = {}
        self._pulls: deque[_Pull] = deque()
        self._delivered = 0
        if config.get("deliver_policy", "all") == "all":
            self._waiting.extend(
                stored for stored in stream.messages.values() if self.wants(stored.subject)
            )

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.config["name"])

    def wants(self, subject: str) -> bool:
        """Whether it delivers messages with this subject."""
        one = self.config.get("filter_subject")
        patterns = self.config.get("filter_subjects") or [one or ">"]
        return any(subjects.matches(pattern, subject) for pattern in patterns)

    def is_done(self, sequence: int) -> bool:
        """Whether a message was acknowledged, or ended otherwise."""
        return sequence not in self._deliveries and not any(
            stored.sequence == sequence for stored in self._waiting
        )

    def stored(self, stored: Stored) -> None:
        """Hears of a new message."""
        if self.wants(stored.subject):
            self._waiting.append(stored)
            self._deliver()

    def removed(self, stored: Stored) -> None:
        """Hears that a message is no longer there."""
        if stored in self._waiting:
            self._waiting.remove(stored)
        self._forget(stored.sequence)

    def pull(self, reply: str, request: dict[str, Any]) -> None:
        """Takes a request for messages."""
        pull = _Pull(reply, request)
        pull.quiet_since = self._loop.time()
        self._pulls.append(pull)
        self._deliver()
        if not pull.left:
            return
        if request.get("no_wait"):
            self._end(pull, "404 No Messages")
            return
        expires = int(request.get("expires") or 0)
        if expires:
            seconds = expires / _PER_SECOND
            pull.timers.append(self._loop.call_later(seconds, self._end, pull))
        if pull.heartbeat:
            self._watch(pull)

    def answer(self, message: Message) -> None:
        """Takes what a client says to a delivery."""
        tokens = message.subject.split(".")
        number, sequence = int(tokens[4]), int(tokens[5])
        kind, _, rest = message.body.partition(b" ")
        if self._deliveries.get(sequence) == number and sequence in self._pending:
            stored, timer = self._pending[sequence]
            timer.cancel()
            if kind == b"+WPI":
                self._pending[sequence] = stored, self._await_answer(stored)
            elif kind == b"-NAK":
                del self._pending[sequence]
                self._delay(stored, _nak_delay(rest))
            else:
                self._forget(sequence)
                self._stream.settle(stored)
                self._deliver()
        if message.reply:
            self._broker.server.send(message.reply, Message(message.reply, "", b"", b""))

    def close(self, reason: str) -> None:
        """Ends: who waits for messages is told."""
        for pull in tuple(self._pulls):
            self._end(pull, reason)
        for sequence in tuple(self._deliveries):
            self._forget(sequence)

    def info(self) -> dict[str, Any]:
        """The consumer, as the API of JetStream describes it."""
        done = self._delivered
        return {
            "stream_name": self._stream.name,
            "name": self.name,
            "created": timestamp(self._created),
            "config": self.config,
            "delivered": {"consumer_seq": done, "stream_seq": max(self._deliveries, default=0)},
            "ack_floor": {"consumer_seq": 0, "stream_seq": 0},
            "num_ack_pending": len(self._pending),
            "num_redelivered": sum(count > 1 for count in self._deliveries.values()),
            "num_waiting": len(self._pulls),
            "num_pending": len(self._waiting),
        }

    def _deliver(self) -> None:
        limit = self.config.get("max_ack_pending") or -1
        while (self._again or self._waiting) and self._pulls:
            if 0 < limit <= len(self._pending):
                return
            pull = self._pulls[0]
            if not self._broker.reaches(pull.reply):
                self._pulls.popleft()
                pull.end()
                continue
            stored = (self._again or self._waiting).popleft()
            self._send(pull, stored)

    def _send(self, pull: _Pull, stored: Stored) -> None:
        sequence = stored.sequence
        number = self._deliveries[sequence] = self._deliveries.get(sequence, 0) + 1
        self._delivered += 1
        self._pending[sequence] = stored, self._await_answer(stored)
        reply = (
            f"$JS.ACK.{self._stream.name}.{self.name}.{number}.{sequence}.{self._delivered}"
            f".{stored.nanoseconds}.{len(self._waiting)}"
        )
        message = Message(stored.subject, reply, stored.block, stored.body)
        self._broker.server.send(pull.reply, message)
        pull.quiet_since = self._loop.time()
        pull.left -= 1
        if not pull.left:
            self._pulls.popleft()
            pull.end()

    def _await_answer(self, stored: Stored) -> asyncio.TimerHandle:
        seconds = (self.config.get("ack_wait") or _ACK_WAIT) / _PER_SECOND
        return self._loop.call_later(seconds, self._unanswered, stored)

    def _unanswered(self, stored: Stored) -> None:
        del self._pending[stored.sequence]
        self._redeliver(stored)

    def _delay(self, stored: Stored, seconds: float) -> None:
        if not seconds:
            self._redeliver(stored)
            return
        timer = self._loop.call_later(seconds, self._redeliver, stored)
        self._delays[stored.sequence] = timer

    def _redeliver(self, stored: Stored) -> None:
        self._delays.pop(stored.sequence, None)
        self._again.append(stored)
        self._deliver()

    def _forget(self, sequence: int) -> None:
        self._deliveries.pop(sequence, None)
        _, timer = self._pending.pop(sequence, (None, None))
        for handle in (timer, self._delays.pop(sequence, None)):
            if handle is not None:
                handle.cancel()
        self._again = deque(stored for stored in self._again if stored.sequence != sequence)

    def _watch(self, pull: _Pull) -> None:
        """Sends a heartbeat where nothing else was sent for so long."""
        now = self._loop.time()
        if now - pull.quiet_since >= pull.heartbeat:
            self._say(pull, "100 Idle Heartbeat", {})
            pull.quiet_since = now
        when = pull.quiet_since + pull.heartbeat
        pull.timers[1:] = [self._loop.call_at(when, self._watch, pull)]

    def _end(self, pull: _Pull, reason: str = "408 Request Timeout") -> None:
        if pull in self._pulls:
            self._pulls.remove(pull)
        pull.end()
        lines = {"Nats-Pending-Messages": str(pull.left), "Nats-Pending-Bytes": "0"}
        self._say(pull, reason, lines)

    def _say(self, pull: _Pull, status: str, lines: dict[str, str]) -> None:
        block = headers.encode(lines, status=status)
        self._broker.server.send(pull.reply, Message(pull.reply, "", block, b""))


def _nak_delay(rest: bytes) -> float:
    return float(json.loads(rest).get("delay", 0)) / _PER_SECOND if rest else 0.0
