"""Settings as environment variables have them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path

from protonats.errors import ConfigurationError

_logger = logging.getLogger("protonats")


class Variables:
    """Environment variables, read as what they mean. An empty one counts as not set.

    Every method raises ConfigurationError for a value that means nothing; the text names the
    variable, and what to write.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known: set[str] = set()

    def optional(self, name: str) -> str | None:
        """The text, or None."""
        self._known.add(name)
        return self._environ.get(name) or None

    def text(self, name: str, default: str) -> str:
        """The text."""
        return self.optional(name) or default

    def path(self, name: str) -> Path | None:
        """The path, or None."""
        value = self.optional(name)
        return None if value is None else Path(value)

    def seconds(self, name: str, default: float) -> float:
        """A number of seconds."""
        value = self.optional(name)
        if value is None:
            return default
        try:
            return float(value)
        except ValueError:
            raise ConfigurationError(
                f"{name} is {value!r}: write a number of seconds, for example {default:g}"
            ) from None

    def ratio(self, name: str) -> float | None:
        """A number, or None; its bounds are not checked."""
        value = self.optional(name)
        try:
            return None if value is None else float(value)
        except ValueError:
            raise ConfigurationError(
                f"{name} is {value!r}: write a number from 0 to 1, or nothing to switch it off"
            ) from None

    def integer(self, name: str, default: int) -> int:
        """A whole number."""
        value = self.optional(name)
        if value is None:
            return default
        try:
            return int(value)
        except ValueError:
            raise ConfigurationError(
                f"{name} is {value!r}: write a whole number, for example {default}"
            ) from None

    def switch(self, name: str, default: bool) -> bool:
        """Whether it is `on`, and not `off`."""
        value = self.optional(name)
        if value is None:
            return default
        if value not in ("on", "off"):
            raise ConfigurationError(f"{name} is {value!r}: write on or off")
        return value == "on"

    def address(self, name: str, default: str) -> tuple[str, int] | None:
        """`host:port`; None where the variable is there and empty."""
        self._known.add(name)
        value = self._environ.get(name, default)
        if not value:
            return None
        host, colon, port = value.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()):
            raise ConfigurationError(
                f"{name} is {value!r}: write host:port, for example {default}, or nothing to switch"
                " it off"
            )
        return host.removeprefix("[").removesuffix("]"), int(port)

    def warn_of_unknown(self, prefix: str, *, others: Collection[str] = ()) -> None:
        """Logs a warning for each variable with a prefix that nobody has read: it has no effect.

        Args:
            prefix: What the names begin with.
            others: Further names that mean something.
        """
        known = [name.removeprefix(prefix) for name in (*self._known, *others)]
        for name in sorted(self._environ):
            rest = name.removeprefix(prefix)
            if name.startswith(prefix) and rest not in known:
                near = get_close_matches(rest, known, n=1)
                advice = f"did you mean {prefix}{near[0]}?" if near else "remove it"
                _logger.warning("%s is not a setting and has no effect: %s", name, advice)
