"""The errors of methods as HTTP responses.

Which status stands for which code is the table in google/rpc/code.proto.
"""

from __future__ import annotations

import re
from typing import Any

from protoc_gen_nats.model import Method

__all__ = ["error_components", "errors_of"]

_STATUSES = {
    "400": ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"),
    "401": ("UNAUTHENTICATED",),
    "403": ("PERMISSION_DENIED",),
    "404": ("NOT_FOUND",),
    "409": ("ABORTED", "ALREADY_EXISTS"),
    "429": ("RESOURCE_EXHAUSTED",),
    "499": ("CANCELLED",),
    "500": ("UNKNOWN", "INTERNAL", "DATA_LOSS"),
    "501": ("UNIMPLEMENTED",),
    "503": ("UNAVAILABLE",),
    "504": ("DEADLINE_EXCEEDED",),
}
_STATUS_OF = {code: status for status, codes in _STATUSES.items() for code in codes}
_ALWAYS = ("400", "429", "500", "503", "504")
"""What every call may be answered with."""

_CODE = re.compile("|".join(rf"\b{code}\b" for code in _STATUS_OF))


def errors_of(method: Method) -> dict[str, Any]:
    """The error responses of a method: those of every call, and of the codes in its comment."""
    named = {_STATUS_OF[code] for code in _CODE.findall(method.comment)}
    return {
        status: {"$ref": f"#/components/responses/{status}"}
        for status in sorted({*_ALWAYS, *named})
    } | {"default": {"$ref": "#/components/responses/error"}}


def error_components(status: dict[str, Any]) -> dict[str, Any]:
    """The responses that operations refer to.

    Args:
        status: The schema of `google.rpc.Status`.
    """
    content = {"application/json": {"schema": status}}
    responses: dict[str, Any] = {
        number: {"description": _listed(codes), "content": content}
        for number, codes in _STATUSES.items()
    }
    return responses | {"error": {"description": "Any other error.", "content": content}}


def _listed(codes: tuple[str, ...]) -> str:
    *others, last = codes
    return f"{', '.join(others)} or {last}" if others else last
