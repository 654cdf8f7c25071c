"""Records of the audit trail: section 14 of the wire protocol."""

from __future__ import annotations

import json
from datetime import datetime

from protonats.errors import Code

__all__ = ["caller_of", "record", "subject"]

_SUCCESS = 0
_INBOX = "_INBOX"


def subject(domain: str, method: str) -> str:
    """Where the records of a method go.

    Args:
        domain: That of its service.
        method: Its name in snake_case.
    """
    return f"audit.{domain}.{method}"


def caller_of(reply: str) -> str:
    """Who called, by the inbox that the answer goes to; empty for a caller of another account.

    The server lets a user hear no inbox but its own, so that nobody can call in another's name and
    learn the answer.
    """
    tokens = reply.split(".")
    return tokens[1] if len(tokens) > 2 and tokens[0] == _INBOX else ""


def record(
    *,
    method: str,
    version: str,
    caller: str,
    call_id: str,
    code: int,
    instance: str,
    time: datetime,
) -> bytes:
    """The body of a record.

    Args:
        method: The full name of the method, `acme.billing.v1.BillingService.Charge`.
        version: That of the service.
        caller: The user that called; empty: it is not known.
        call_id: The id of the call.
        code: The status that it ended with, 0 for a success.
        instance: The instance that handled it.
        time: When it ended.
    """
    value = {
        "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "method": method,
        "version": version,
        "caller": caller or None,
        "call_id": call_id,
        "code": code,
        "status": Code(code).name if code != _SUCCESS else "OK",
        "instance": instance,
    }
    return json.dumps(value, ensure_ascii=False).encode()
