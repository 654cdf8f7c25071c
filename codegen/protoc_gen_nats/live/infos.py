"""What the runtime is told about methods and events, without generated code."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from google.protobuf.message import Message

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.live.schemas import Schemas
from protoc_gen_nats.model import Event, Method, Service, TypeRef
from protonats._codegen import (
    EventInfo,
    HedgingInfo,
    Idempotency,
    IdempotencyInfo,
    MethodInfo,
    MethodKind,
    RetryInfo,
)

__all__ = ["event_info", "method_info"]


def method_info(schemas: Schemas, service: Service, method: Method) -> MethodInfo[Any, Any]:
    """A method as generated code describes it to a client."""
    hedging, idempotency = method.hedging, method.idempotency
    return MethodInfo(
        service=service.full_name,
        name=method.name,
        python_name=method.python_name,
        subject=method.subject,
        kind=MethodKind(method.kind.value),
        request=_class(schemas, method.request),
        response=_class(schemas, method.response),
        timeout=method.timeout,
        idempotency_level=Idempotency(method.idempotency_level.value),
        retry=RetryInfo(**asdict(method.retry)),
        hedging=HedgingInfo(**asdict(hedging)) if hedging else None,
        idempotency=IdempotencyInfo(**asdict(idempotency)) if idempotency else None,
    )


def event_info(schemas: Schemas, event: Event) -> EventInfo[Message]:
    """An event as generated code describes it to a publisher."""
    return EventInfo(
        message=_class(schemas, event.ref),
        subject=event.subject,
        key_field=event.key_field,
        durable=event.durable,
    )


def _class(schemas: Schemas, ref: TypeRef) -> type[Message]:
    found = schemas.message_class(ref.full_name)
    if found is None:
        raise UserError.of(f"the message {ref.full_name} is not in {schemas.origin}")
    return found
