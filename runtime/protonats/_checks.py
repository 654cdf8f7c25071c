"""What a setting may be."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from protonats.errors import ConfigurationError

_LOGIN: Final = re.compile(r"://\S*@")
_QUERY: Final = re.compile(r"(://[^\s?]*\?)[^\s'\"]+")


def redact(text: str) -> str:
    """The text with user, password and query of every URL in it replaced by `***`."""
    return _QUERY.sub(r"\1***", _LOGIN.sub("://***@", text))


def check_url(what: str, url: str, schemes: tuple[str, ...], example: str) -> None:
    """Checks a URL.

    Raises:
        ConfigurationError: It is none, or one of another scheme; its secrets are not shown.
    """
    advice = f"write a URL with scheme {', '.join(schemes)}, for example {example}"
    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and bool(parts.hostname)
        if valid and _port_is_out_of_range(parts.netloc):
            advice = "the port is out of range, write 1 to 65535"
        # Reading the port checks it.
        valid = valid and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or any(character.isspace() for character in url):
        # Without a scheme, nobody can tell what the secret is.
        shown = redact("".join(url.split())) if "://" in url else "<not a URL>"
        raise ConfigurationError(f"{what} has {shown!r}: {advice}")


def _port_is_out_of_range(netloc: str) -> bool:
    port = netloc.rpartition(":")[2] if ":" in netloc else ""
    return port.isascii() and port.isdigit() and not 1 <= int(port) <= 65535


def check_seconds(what: str, value: float, *, zero: bool = False) -> None:
    """Checks a number of seconds, above 0 or, with `zero`, not below.

    Raises:
        ConfigurationError: It is another number.
    """
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        bound = "0 or more" if zero else "more than 0"
        raise ConfigurationError(f"{what} is {value:g}: write a number of seconds, {bound}")


def check_only_one(settings: object, ways: Sequence[tuple[str, str]]) -> None:
    """Checks that of some fields, each with its variable, no two are set.

    Raises:
        ConfigurationError: Two are.
    """
    found = [f"{name} ({variable})" for name, variable in ways if getattr(settings, name)]
    if len(found) > 1:
        raise ConfigurationError(f"{found[0]} and {found[1]} are both set: keep one")
