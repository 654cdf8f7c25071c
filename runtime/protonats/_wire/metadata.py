"""Metadata: section 7 of the wire protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from protonats.errors import Code, StatusError

MAX_SIZE: Final = 8192
"""How many bytes all metadata of a message may have, counted as name and value."""

TRAILER: Final = "Pn-Trailer-"
"""What the name of a trailer begins with in the answer to a unary call."""

_NAME: Final = re.compile(r"(?!pn-|nats-)[a-z0-9][a-z0-9_.-]{0,63}(?<!-bin)")
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")


def check(metadata: Mapping[str, str]) -> None:
    """Checks what a sender is about to send.

    Raises:
        StatusError: INVALID_ARGUMENT; the text names the pair and the rule.
        TypeError: It is no mapping.
    """
    if not isinstance(metadata, Mapping):
        raise TypeError(
            "metadata is a mapping of names to values, for example {'tenant': 'acme'}, not"
            f" {type(metadata).__name__}"
        )
    size = 0
    for name, value in metadata.items():
        if not _is_name(name):
            raise StatusError(
                Code.INVALID_ARGUMENT,
                f"metadata name {name!r}: write 1 to 64 characters of a-z, 0-9, '_', '.', '-', the"
                " first a letter or a digit; names that begin with 'pn-' or 'nats-' or end in"
                " '-bin' are reserved",
            )
        if not is_value(value):
            raise StatusError(
                Code.INVALID_ARGUMENT,
                f"metadata {name!r}: a value is a string of printable ASCII, not empty, without"
                " white space at either end",
            )
        size += len(name) + len(value)
    if size > MAX_SIZE:
        raise StatusError(
            Code.INVALID_ARGUMENT,
            f"metadata has {size} bytes, and {MAX_SIZE} are allowed: send large values in the"
            " message",
        )


def check_text(value: str, what: str) -> None:
    """Checks an idempotency key or event id: 1 to 128 characters of metadata values.

    Raises:
        StatusError: INVALID_ARGUMENT; the text begins with `what`.
    """
    if not is_value(value) or len(value) > 128:
        raise StatusError(
            Code.INVALID_ARGUMENT,
            f"{what} is 1 to 128 characters of printable ASCII, without white space at either end",
        )


def is_value(value: object) -> bool:
    """Whether an object is a string that may be the value of metadata."""
    return isinstance(value, str) and _VALUE.fullmatch(value) is not None


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def read(headers: Mapping[str, str]) -> dict[str, str]:
    """The metadata among received headers; lines that break the rules are ignored."""
    metadata: dict[str, str] = {}
    size = 0
    for name, value in headers.items():
        if _is_name(name) and is_value(value):
            size += len(name) + len(value)
            if size > MAX_SIZE:
                break
            metadata[name] = value
    return metadata


def lines(metadata: Mapping[str, str] | None, trailers: Mapping[str, str] | None) -> dict[str, str]:
    """The header lines of the answer to a unary call, for metadata and trailers that were
    checked."""
    lines = dict(metadata or {})
    if trailers:
        lines.update((TRAILER + name, value) for name, value in trailers.items())
    return lines


def read_trailers(headers: Mapping[str, str]) -> dict[str, str]:
    """The trailers among the headers of the answer to a unary call, as `read`."""
    begin = len(TRAILER)
    return read({name[begin:]: headers[name] for name in headers if name.startswith(TRAILER)})
