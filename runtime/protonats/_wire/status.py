"""Statuses: section 5 of the wire protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2

from protonats._wire import details, headers
from protonats.errors import Code, StatusError

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_MAX_TEXT: Final = 512


def encode(error: StatusError) -> tuple[dict[str, str], bytes]:
    """The header lines and the body that answer a call with a status."""
    lines = {
        headers.ERROR_CODE: str(int(error.code)),
        headers.ERROR: header_text(error.message, default=error.code.name),
    }
    return lines, details.pack(error.code, error.message, error.details)


def decode(lines: Mapping[str, str], body: bytes) -> StatusError:
    """The error that a response with the header `Nats-Service-Error-Code` stands for."""
    code = _code(lines.get(headers.ERROR_CODE, ""))
    message = lines.get(headers.ERROR, "")
    unhandled = lines.get(headers.UNHANDLED) == "1"
    try:
        packed, text, messages = details.unpack(body)
    except DecodeError:
        return StatusError(code, message, unhandled=unhandled)
    if packed != code:
        return StatusError(code, message, unhandled=unhandled)
    return StatusError(code, text, details=messages, unhandled=unhandled)


def header_text(message: str, *, default: str) -> str:
    """A message for people as one line of at most 512 bytes; `default` where nothing is left."""
    text = _CONTROL.sub(" ", message).strip()
    # Cutting can leave white space at the end, and the reader of a header would take it off.
    text = text.encode("utf-8", "replace")[:_MAX_TEXT].decode("utf-8", "ignore").strip()
    return text or default


def internal(error_id: str) -> StatusError:
    """What a caller is told of an exception that nobody expected; its text stays in the log."""
    info = error_details_pb2.ErrorInfo(reason="UNHANDLED_EXCEPTION", domain="protonats")
    info.metadata["error_id"] = error_id
    return StatusError(Code.INTERNAL, f"internal error {error_id}", details=[info])


def _code(text: str) -> Code:
    if text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= 16:
        return Code(int(text))
    return Code.UNKNOWN
