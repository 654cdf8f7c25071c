"""The policies of a method as arguments of its description."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import overload

from protoc_gen_nats.model import (
    CachePolicy,
    ConcurrencyLimit,
    Event,
    HedgingPolicy,
    Idempotency,
    IdempotencyPolicy,
    Method,
    RetryPolicy,
)
from protoc_gen_nats.rendering.imports import ModuleImports
from protoc_gen_nats.rendering.layout import call, tuple_argument
from protoc_gen_nats.rendering.text import string_literal

__all__ = ["event_info", "policy_arguments"]

_Policy = RetryPolicy | HedgingPolicy | IdempotencyPolicy | CachePolicy | ConcurrencyLimit


def policy_arguments(
    method: Method, imports: ModuleImports, indent: int, width: int
) -> Iterator[str]:
    """The arguments of a `MethodInfo` that say more than its defaults, each with its comma.

    Args:
        method: The method.
        imports: How the module refers to the events that the method names.
        indent: Spaces before the arguments.
        width: Columns.
    """
    if method.idempotency_level is not Idempotency.UNKNOWN:
        yield f"idempotency_level=_codegen.Idempotency.{method.idempotency_level.name},"
    policies: dict[str, tuple[str, list[str] | None]] = {
        "retry": ("RetryInfo", _values(method.retry) or None),
        "hedging": ("HedgingInfo", _values(method.hedging)),
        "idempotency": ("IdempotencyInfo", _values(method.idempotency)),
        "cache": ("CacheInfo", _cache(method.cache, imports, indent + 4, width)),
        "concurrency": ("ConcurrencyInfo", _values(method.concurrency)),
    }
    for name, (type_, arguments) in policies.items():
        if arguments is None:
            continue
        if len(arguments) <= 1:
            yield f"{name}=_codegen.{type_}({''.join(arguments).removesuffix(',')}),"
        else:
            yield f"{name}={call(f'_codegen.{type_}', arguments, indent)},"
    if method.audit:
        yield "audit=True,"


def event_info(event: Event, imports: ModuleImports, indent: int) -> str:
    """The `EventInfo` of an event, where the line that it begins on is indented by `indent`."""
    key_field = string_literal(event.key_field) if event.key_field else "None"
    arguments = [
        f"message={imports.value(event.ref, indent + 4)},",
        f"subject={string_literal(event.subject)},",
        f"key_field={key_field},",
        f"durable={event.durable},",
    ]
    return call("_codegen.EventInfo", arguments, indent)


@overload
def _values(policy: _Policy) -> list[str]: ...
@overload
def _values(policy: _Policy | None) -> list[str] | None: ...
def _values(policy: _Policy | None) -> list[str] | None:
    """The numbers and switches of a policy that are not the defaults, all of them short."""
    if policy is None:
        return None
    values = ((field, getattr(policy, field.name)) for field in fields(policy))
    return [
        f"{field.name}={value!r},"
        for field, value in values
        if value != field.default and not isinstance(value, tuple)
    ]


def _cache(
    policy: CachePolicy | None, imports: ModuleImports, indent: int, width: int
) -> list[str] | None:
    if policy is None:
        return None
    arguments = _values(policy)
    if policy.key_fields:
        names = [string_literal(name) for name in policy.key_fields]
        arguments.append(tuple_argument(names, "key_fields", indent, width))
    if policy.invalidated_by:
        events = [event_info(event, imports, indent + 4) for event in policy.invalidated_by]
        arguments.append(tuple_argument(events, "invalidated_by", indent, width))
    return arguments
