"""What services, methods, events, messages and enums are, as text in the manner of a schema."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.live.schemas import Named, Schemas
from protoc_gen_nats.model import (
    Cardinality,
    Enum,
    Event,
    Field,
    Idempotency,
    Message,
    Method,
    MethodKind,
    Service,
)

__all__ = ["facts_of", "lines_of"]

_STREAMS_IN = (MethodKind.CLIENT_STREAM, MethodKind.BIDI_STREAM)
_STREAMS_OUT = (MethodKind.SERVER_STREAM, MethodKind.BIDI_STREAM)
_INDENT = "  "


def lines_of(schemas: Schemas, thing: Named) -> Iterator[str]:
    """A description for people; a line may be empty."""
    if isinstance(thing, Service):
        yield from _service(thing)
    elif isinstance(thing, Method):
        yield from _method(schemas, thing)
    elif isinstance(thing, Event):
        yield from _event(schemas, thing)
    elif isinstance(thing, Message):
        yield from _message(schemas, thing)
    else:
        yield from _enum(thing)


def facts_of(schemas: Schemas, thing: Named) -> dict[str, object]:
    """The same as a value that `json.dumps` takes."""
    if isinstance(thing, Service):
        return {
            "kind": "service",
            "full_name": thing.full_name,
            "name": thing.name,
            "version": thing.version,
            "domain": thing.domain,
            "comment": thing.comment or thing.description,
            "methods": [facts_of(schemas, method) for method in thing.methods],
            "publishes": [event.ref.full_name for event in thing.publishes],
            "consumes": [e.ref.full_name for one in thing.consumers for e in one.events],
            "calls": list(thing.calls),
        }
    if isinstance(thing, Method):
        return {
            "kind": "method",
            "full_name": thing.full_name,
            "stream": thing.kind.value,
            "subject": thing.subject,
            "request": thing.request.full_name,
            "response": thing.response.full_name,
            "timeout": thing.timeout,
            "policies": dict(_policies(thing)),
            "comment": thing.comment,
        }
    if isinstance(thing, Event):
        message = schemas.messages[thing.ref.full_name]
        return facts_of(schemas, message) | {
            "kind": "event",
            "subject": thing.subject,
            "key_field": thing.key_field,
            "durable": thing.durable,
            "publishers": [service.full_name for service in _publishers(schemas, thing)],
            "consumers": [f"{service.full_name} {d}" for service, d in _consumers(schemas, thing)],
        }
    if isinstance(thing, Message):
        return {
            "kind": "message",
            "full_name": thing.ref.full_name,
            "comment": thing.comment,
            "fields": [
                {
                    "name": field.name,
                    "number": field.number,
                    "type": _type(field),
                    "comment": field.comment,
                }
                for field in thing.fields
            ],
        }
    return {
        "kind": "enum",
        "full_name": thing.ref.full_name,
        "comment": thing.comment,
        "values": [
            {"name": value.name, "number": value.number, "comment": value.comment}
            for value in thing.values
        ],
    }


def _service(service: Service) -> Iterator[str]:
    yield from _comment(service.comment or service.description)
    yield f"service {service.full_name}"
    yield from _table(
        ("name", f"{service.name} {service.version}"),
        ("listens on", f"svc.{service.domain}.…, in queue group q.{service.domain}"),
        ("calls", ", ".join(service.calls)),
        ("publishes", ", ".join(event.ref.full_name for event in service.publishes)),
        *((f"consumer {one.durable}", ", ".join(e.ref.full_name for e in one.events))
          for one in service.consumers),
        ("buckets", ", ".join(bucket.name for bucket in service.buckets)),
    )  # fmt: skip
    for method in service.methods:
        yield ""
        yield from _comment(method.comment.partition("\n")[0], _INDENT)
        yield f"{_INDENT}{_signature(method)}"


def _signature(method: Method) -> str:
    return f"rpc {method.name}({_sent(method)}) returns ({_returned(method)})"


def _sent(method: Method) -> str:
    name = method.request.full_name
    return f"stream {name}" if method.kind in _STREAMS_IN else name


def _returned(method: Method) -> str:
    name = method.response.full_name
    return f"stream {name}" if method.kind in _STREAMS_OUT else name


def _method(schemas: Schemas, method: Method) -> Iterator[str]:
    yield from _comment(method.comment)
    yield f"rpc {method.full_name}"
    yield from _table(
        ("takes", _sent(method)),
        ("returns", _returned(method)),
        ("subject", method.subject),
        ("time-out", "none" if method.timeout is None else f"{method.timeout:g} s"),
        *_policies(method),
    )
    for name in dict.fromkeys((method.request.full_name, method.response.full_name)):
        message = schemas.messages.get(name)
        yield ""
        if message is None:
            yield f"message {name}  (of a package that is installed)"
        else:
            yield from _message(schemas, message)


def _policies(method: Method) -> Iterator[tuple[str, str]]:
    if method.idempotency_level is not Idempotency.UNKNOWN:
        yield "calling twice", method.idempotency_level.value.replace("_", " ")
    retry = method.retry
    if retry.max_attempts > 1:
        pauses = f"pauses {retry.initial_backoff:g} to {retry.max_backoff:g} s"
        yield "attempts", f"{retry.max_attempts}, {pauses}"
    if hedging := method.hedging:
        yield "hedging", f"another request after {hedging.delay:g} s"
    if idempotency := method.idempotency:
        must = "needed" if idempotency.required else "taken"
        yield "idempotency keys", f"{must}, answers kept for {idempotency.ttl:g} s"
    if cache := method.cache:
        events = ", ".join(event.name for event in cache.invalidated_by)
        yield "cache", f"{cache.ttl:g} s{f', until {events}' if events else ''}"
    if limit := method.concurrency:
        yield "at once", f"{limit.max_in_flight} in an instance, {limit.max_queued} waiting"


def _event(schemas: Schemas, event: Event) -> Iterator[str]:
    yield from _message(schemas, schemas.messages[event.ref.full_name], word="event")
    yield ""
    yield from _table(
        ("subject", event.filter_subject.replace("*", f"{{{event.key_field}}}")),
        ("stored", "in a stream" if event.durable else "nowhere"),
        ("published by", ", ".join(one.full_name for one in _publishers(schemas, event))),
        (
            "consumed by",
            ", ".join(f"{one.full_name} ({name})" for one, name in _consumers(schemas, event)),
        ),
    )


def _publishers(schemas: Schemas, event: Event) -> Iterator[Service]:
    return (one for one in schemas.services if event in one.publishes)


def _consumers(schemas: Schemas, event: Event) -> Iterator[tuple[Service, str]]:
    for service in schemas.services:
        for consumer in service.consumers:
            if event in consumer.events:
                yield service, consumer.durable


def _message(schemas: Schemas, message: Message, *, word: str = "message") -> Iterator[str]:
    yield from _comment(message.comment)
    yield f"{word} {message.ref.full_name} {{"
    oneof_of = {name: oneof.name for oneof in message.oneofs for name in oneof.members}
    inside = ""
    for field in message.fields:
        oneof = oneof_of.get(field.name, "")
        if inside and oneof != inside:
            yield f"{_INDENT}}}"
        if oneof and oneof != inside:
            yield f"{_INDENT}oneof {oneof} {{"
        inside = oneof
        indent = _INDENT * (2 if inside else 1)
        yield from _comment(field.comment, indent)
        yield f"{indent}{_type(field)} {field.name} = {field.number};{_choices(schemas, field)}"
    if inside:
        yield f"{_INDENT}}}"
    yield "}"


def _choices(schemas: Schemas, field: Field) -> str:
    enum = schemas.enums.get(field.type.full_name) if field.type else None
    if enum is None:
        return ""
    return f"  // {', '.join(value.name for value in enum.values)}"


def _type(field: Field) -> str:
    name = field.type.full_name if field.type else field.kind
    if field.cardinality is Cardinality.MAP:
        return f"map<{field.map_key}, {name}>"
    if field.cardinality is Cardinality.REPEATED:
        return f"repeated {name}"
    return f"optional {name}" if field.optional else name


def _enum(enum: Enum) -> Iterator[str]:
    yield from _comment(enum.comment)
    yield f"enum {enum.ref.full_name} {{"
    for value in enum.values:
        yield from _comment(value.comment, _INDENT)
        yield f"{_INDENT}{value.name} = {value.number};"
    yield "}"


def _comment(text: str, indent: str = "") -> Iterator[str]:
    for line in text.splitlines():
        yield f"{indent}// {line}".rstrip()


def _table(*rows: tuple[str, str]) -> Iterator[str]:
    shown = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        yield f"{_INDENT}{name.ljust(width)}  {value}"
