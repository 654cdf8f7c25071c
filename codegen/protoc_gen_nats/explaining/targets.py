"""What a user means by a name: a service, a method, an event or a schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from protoc_gen_nats.errors import UserError, did_you_mean
from protoc_gen_nats.model import Event, File, Method, Schema, Service
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.subjects import captures

__all__ = ["Target", "find"]

Target: TypeAlias = Service | Method | Event | File


def find(schema: Schema, name: str) -> Target:
    """The thing of that name.

    Args:
        schema: All schemas.
        name: A full name or the end of one, the name of a service in discovery with or without a
            method behind it, a subject, also one with values, or the path of a schema.

    Raises:
        UserError: There is none, or more than one.
    """
    known = list(_names(schema))
    exact = {id(target): target for names, target in known if name in names}
    exact = exact or {id(one): one for one in _heard_on(schema, name)}
    whole = exact or {
        id(target): target
        for names, target in known
        if any(one.endswith((f".{name}", f"/{name}")) for one in names)
    }
    if len(whole) == 1:
        return next(iter(whole.values()))
    full = [names[0] for names, target in known if id(target) in whole]
    if full:
        raise UserError.of(f"{name!r} may be {' or '.join(full)}: write one of these")
    every = [one for names, _ in known for one in names]
    raise UserError.of(
        f"{name!r} is no service, method, event or schema: {did_you_mean(name, every)}"
    )


def _heard_on(schema: Schema, subject: str) -> Iterator[Method | Event]:
    """What is sent to a subject as it is on the wire, with values in place of its wildcards."""
    sent: list[Method | Event] = [event for file in schema.files for event in file.events]
    sent += [method for service in schema.services for method in service.methods]
    yield from (one for one in sent if captures(one.filter_subject, subject))


def _names(schema: Schema) -> Iterator[tuple[tuple[str, ...], Target]]:
    for file in schema.files:
        yield (file.path,), file
        for service in file.services:
            user = user_of(service)
            yield (service.full_name, user), service
            for method in service.methods:
                operation = method.subject.removeprefix(f"svc.{service.domain}.").split(".")[1]
                last = dict.fromkeys((method.name, operation, method.python_name))
                short = [f"{user}.{one}" for one in last]
                yield (method.full_name, *short, method.subject), method
        for event in file.events:
            yield (event.ref.full_name, event.subject), event
