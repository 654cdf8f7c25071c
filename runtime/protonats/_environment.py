"""Settings as environment variables have them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from protonats.errors import ConfigurationError


class Variables:
    """Environment variables, read as what they mean. An empty one counts as not set.

    Every method raises ConfigurationError for a value that means nothing; the text names the
    variable, and what to write.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def optional(self, name: str) -> str | None:
        """The text, or None."""
        return self._environ.get(name) or None

    def text(self, name: str, default: str) -> str:
        """The text."""
        return self._environ.get(name) or default

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
