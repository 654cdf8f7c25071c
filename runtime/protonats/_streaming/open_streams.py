"""All open streams of a connection: their signs of life, and their end when it breaks."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from protonats.errors import Code, StatusError

_logger = logging.getLogger("protonats")


class OpenStream(Protocol):
    """What is asked of a stream."""

    def tend(self, now: float) -> None:
        """Sends a sign of life where one is due, and ends the stream if the other side is silent;
        `now` is the loop's time."""

    def forgive(self, now: float) -> None:
        """Counts the silence of the other side from `now`."""

    def lose(self, error: StatusError) -> None:
        """Ends the stream: nothing can be sent, and nobody can tell what was lost."""

    def leave(self) -> None:
        """Ends the stream as the connection is closed, and tells the other side."""


class OpenStreams:
    """Tends the streams of a connection by one timer, which runs while there are any."""

    def __init__(self, interval: float) -> None:
        """
        Args:
            interval: Seconds within which each side sends a sign of life.
        """
        self.interval = interval
        self._streams: set[OpenStream] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, stream: OpenStream) -> None:
        """Begins to tend a stream."""
        self._streams.add(stream)
        if self._timer is None:
            self._wait()

    def remove(self, stream: OpenStream) -> None:
        """Ceases to tend a stream, if it did."""
        self._streams.discard(stream)
        if not self._streams and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def lose_all(self) -> None:
        """Ends all streams, as the connection broke."""
        text = "the connection to NATS was lost while the stream was open"
        for stream in tuple(self._streams):
            stream.lose(StatusError(Code.UNAVAILABLE, text))

    def leave_all(self) -> None:
        """Ends all streams, as the connection is about to be closed."""
        for stream in tuple(self._streams):
            stream.leave()

    def _wait(self) -> None:
        # Whoever sent directly after one visit is found silent at the next but one: twice as often.
        loop = asyncio.get_running_loop()
        self._due = loop.time() + self.interval / 2
        self._timer = loop.call_at(self._due, self._visit)

    def _visit(self) -> None:
        now = asyncio.get_running_loop().time()
        # A loop that stood still has not read either: the silence may be its own.
        late = now - self._due > self.interval
        for stream in tuple(self._streams):
            try:
                if late:
                    stream.forgive(now)
                stream.tend(now)
            except Exception:
                # The others need their signs of life all the same.
                _logger.exception("a stream cannot be kept alive")
        self._timer = None
        if self._streams:
            self._wait()
