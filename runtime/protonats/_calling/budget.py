"""How many retries the calls of a service may cause: a bound on what an outage makes worse."""

from __future__ import annotations

from typing import Final

PER_CALL: Final = 0.2
"""What each call adds: one retry for five calls."""

MAX_TOKENS: Final = 100.0
START: Final = 10.0


class RetryBudget:
    """A bucket of tokens that the calls of one service on one connection share. A request that is
    sent again, or as a hedge, takes one."""

    __slots__ = ("tokens",)

    def __init__(self) -> None:
        self.tokens = START

    def deposit(self) -> None:
        """Adds what one call allows."""
        tokens = self.tokens + PER_CALL
        self.tokens = tokens if tokens < MAX_TOKENS else MAX_TOKENS

    def take(self) -> bool:
        """Takes a token; False if there is none, and nothing may be sent."""
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True
