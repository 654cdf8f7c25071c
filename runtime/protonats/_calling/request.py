"""What a request is made of: its subject, and its header lines besides the call header."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from google.protobuf.message import Message

from protonats._wire import headers, subjects
from protonats._wire import metadata as metadata_rules
from protonats.settings import DEFAULT_NAME

if TYPE_CHECKING:
    from protonats.connection import Connection

_logger = logging.getLogger("protonats")

_warned: Final[WeakSet[Connection]] = WeakSet()
"""Those that were told that they share their idempotency keys."""


def fill(template: subjects.Template, request: Message) -> str:
    """The subject for a request.

    Raises:
        StatusError: INVALID_ARGUMENT, for a value that cannot be a token.
    """
    return template.fill(lambda field: subjects.field_value(request, field))


def header_lines(
    connection: Connection, metadata: Mapping[str, str] | None, idempotency_key: str | None
) -> dict[str, str] | None:
    """The lines for metadata and idempotency key; None if there are none.

    Raises:
        StatusError: INVALID_ARGUMENT, for metadata or a key that breaks the rules.
    """
    lines: dict[str, str] = {}
    if idempotency_key is not None:
        metadata_rules.check_text(idempotency_key, "an idempotency key")
        lines[headers.IDEMPOTENCY_KEY] = idempotency_key
        lines[headers.CALLER] = connection.name
        if connection.name == DEFAULT_NAME:
            _warn_of_shared_keys(connection)
    if metadata:
        metadata_rules.check(metadata)
        lines.update(metadata)
    return lines or None


def _warn_of_shared_keys(connection: Connection) -> None:
    if connection not in _warned:
        _warned.add(connection)
        _logger.warning(
            "an idempotency key is used on a connection without a name: it is one with the keys of"
            " all other callers that have none; set NATS_NAME, or ConnectionSettings(name=…)"
        )


def is_keyed(lines: Mapping[str, str] | None) -> bool:
    """Whether a request carries an idempotency key."""
    return lines is not None and headers.IDEMPOTENCY_KEY in lines
