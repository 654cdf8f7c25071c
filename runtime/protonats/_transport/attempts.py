"""Attempts to connect: how long to pause between them, when to tell of them, and when to make no
more."""

from __future__ import annotations

import random
from typing import Final

from protonats._transport.server_errors import is_login_refused

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_SILENCE: Final = 30.0
"""Seconds between two log lines that tell the same."""


class Attempts:
    """The attempts of one connection.

    Attributes:
        pause: Seconds until the next attempt at the same server.
        count: How many have failed since the last success.
    """

    def __init__(self, patience: float) -> None:
        """
        Args:
            patience: Seconds for which a login is tried again that was good and is refused now.
        """
        self.pause = _FIRST_PAUSE
        self._patience = patience
        self._bound = _FIRST_PAUSE
        self._refused_since: float | None = None
        self.count = 0
        self._causes: set[str] = set()
        self._told_at = 0.0

    def failed(self) -> None:
        """Doubles the pause, up to two seconds, and shortens it at random: the clients of a server
        that comes back shall not all come at once."""
        self.count += 1
        self._bound = min(self._bound * 2, _LONGEST_PAUSE)
        self.pause = self._bound * random.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        """Begins again with the shortest pause."""
        self.pause = self._bound = _FIRST_PAUSE
        self._refused_since = None
        self.count = 0
        self._causes.clear()

    def are_worth_telling(self, cause: str, now: float) -> bool:
        """Whether to log the last failure: its cause is new since the last success, or nothing was
        logged for half a minute.

        Args:
            cause: What the last attempt ended with.
            now: The event loop's time.
        """
        # Several servers may fail in turn, each in its own way: the last cause is not enough.
        if cause in self._causes and now - self._told_at < _SILENCE:
            return False
        self._causes.add(cause)
        self._told_at = now
        return True

    def are_hopeless(self, error: Exception, now: float) -> bool:
        """Whether the server has refused the login for longer than patience lasts.

        Args:
            error: What the last attempt ended with.
            now: The event loop's time.
        """
        if not is_login_refused(error):
            return False
        if self._refused_since is None:
            self._refused_since = now
        return now - self._refused_since > self._patience
