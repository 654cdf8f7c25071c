"""Statuses of failed calls, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from google.protobuf import any_pb2, json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2 as details

from protoc_gen_nats.live.json_messages import JsonForm
from protoc_gen_nats.live.schemas import Schemas
from protonats.errors import StatusError

__all__ = ["failure_facts", "failure_lines"]


def failure_facts(error: StatusError, schemas: Schemas | None = None) -> dict[str, Any]:
    """A status as a value that `json.dumps` takes."""
    return {
        "code": error.code.name,
        "number": int(error.code),
        "message": error.message,
        "details": [_facts(detail, schemas) for detail in error.details],
    }


def failure_lines(error: StatusError, schemas: Schemas | None = None) -> Iterator[str]:
    """A status as lines of text: code and message first, then its details."""
    yield f"{error.code.name}: {error.message}" if error.message else error.code.name
    for detail in error.details:
        yield from (f"  {line}" for line in _lines(detail, schemas))


def _lines(detail: Message, schemas: Schemas | None) -> Iterator[str]:
    if isinstance(detail, details.BadRequest):
        width = max((len(one.field) for one in detail.field_violations), default=0)
        for one in detail.field_violations:
            reason = f" ({one.reason})" if one.reason else ""
            yield f"{one.field.ljust(width)}  {one.description}{reason}".rstrip()
    elif isinstance(detail, details.ErrorInfo):
        yield f"reason {detail.reason}, domain {detail.domain}"
        yield from (f"{name} {value}" for name, value in sorted(detail.metadata.items()))
    elif isinstance(detail, details.RetryInfo):
        yield f"try again in {detail.retry_delay.ToTimedelta().total_seconds():g} s"
    elif isinstance(detail, details.PreconditionFailure):
        for violation in detail.violations:
            yield f"{violation.subject}: {violation.description} ({violation.type})"
    elif isinstance(detail, details.Help):
        yield from (f"{link.description}: {link.url}" for link in detail.links)
    elif isinstance(detail, details.LocalizedMessage):
        yield detail.message
    else:
        facts = _facts(detail, schemas)
        name = str(facts.pop("@type")).rpartition("/")[2]
        yield f"{name} {json.dumps(facts, ensure_ascii=False)}"


def _facts(detail: Message, schemas: Schemas | None) -> dict[str, Any]:
    """The JSON form of an Any with this message."""
    name, message = detail.DESCRIPTOR.full_name, detail
    if isinstance(detail, any_pb2.Any):
        name = detail.TypeName()
        known = schemas.message_class(name) if schemas else None
        try:
            if known is None:
                raise ValueError
            message = known.FromString(detail.value)
        except (ValueError, DecodeError):
            return {"@type": detail.type_url, "value_hex": detail.value.hex()}
    pool = schemas.pool if schemas else DescriptorPool()
    try:
        value = JsonForm(pool=pool).of(message)
    except (TypeError, json_format.Error):
        value = {"value_hex": message.SerializeToString().hex()}
    shown = value if isinstance(value, dict) else {"value": value}
    return {"@type": f"type.googleapis.com/{name}", **shown}
