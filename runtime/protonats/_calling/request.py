"""What a request is made of: its subject, and its header lines besides the call header."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import Message

from protonats._wire import headers, subjects
from protonats._wire import metadata as metadata_rules


def fill(template: subjects.Template, request: Message) -> str:
    """The subject for a request.

    Raises:
        StatusError: INVALID_ARGUMENT, for a value that cannot be a token.
    """
    return template.fill(lambda field: subjects.field_value(request, field))


def header_lines(
    caller: str, metadata: Mapping[str, str] | None, idempotency_key: str | None
) -> dict[str, str] | None:
    """The lines for metadata and idempotency key; None if there are none.

    Raises:
        StatusError: INVALID_ARGUMENT, for metadata or a key that breaks the rules.
    """
    lines: dict[str, str] = {}
    if idempotency_key is not None:
        metadata_rules.check_text(idempotency_key, "an idempotency key")
        lines[headers.IDEMPOTENCY_KEY] = idempotency_key
        lines[headers.CALLER] = caller
    if metadata:
        metadata_rules.check(metadata)
        lines.update(metadata)
    return lines or None


def is_keyed(lines: Mapping[str, str] | None) -> bool:
    """Whether a request carries an idempotency key."""
    return lines is not None and headers.IDEMPOTENCY_KEY in lines
