"""How many calls run at once, of a service or of one of its methods."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from protonats.errors import StatusError


class Call(Protocol):
    """A call of any kind, from its request to its end."""

    def fail(self, error: StatusError) -> None:
        """Answers with a status, unless there is an answer already."""

    def stop(self, error: StatusError) -> None:
        """Answers with a status, and cancels the handler."""

    def cancel(self) -> None:
        """Cancels the handler, and answers nothing: the caller has gone."""

    def drop(self, reason: str) -> None:
        """Ends a call that was not started, without an answer, and counts why."""


class Limit:
    """The places of one service or one method, and the calls that wait for one."""

    __slots__ = ("max_in_flight", "max_queued", "running", "waiting")

    def __init__(self, max_in_flight: int, max_queued: int) -> None:
        self.max_in_flight = max_in_flight
        self.max_queued = max_queued
        self.running = 0
        self.waiting: OrderedDict[Call, None] = OrderedDict()
        """In the order in which they came."""
