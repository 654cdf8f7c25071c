"""The services, events and messages that a command knows, found by the names that people write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, TypeAlias

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message as ProtoMessage

from protoc_gen_nats.errors import UserError, did_you_mean
from protoc_gen_nats.model import Enum, Event, Message, Method, Schema, Service
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.subjects import captures

__all__ = ["Named", "Schemas"]

Named: TypeAlias = Service | Method | Event | Message | Enum


class Schemas:
    """A set of schemas, with classes for their messages.

    Attributes:
        pool: The descriptors.
        origin: Where the schemas are from, for texts: `the project in /srv/game`.
    """

    def __init__(self, protos: Iterable[FileDescriptorProto], schema: Schema, origin: str) -> None:
        self.pool = DescriptorPool()
        for proto in protos:
            self.pool.AddSerializedFile(proto.SerializeToString())
        self.origin = origin
        self._schema = schema

    @property
    def services(self) -> tuple[Service, ...]:
        """All services."""
        return self._schema.services

    @property
    def events(self) -> tuple[Event, ...]:
        """All events."""
        return tuple(event for file in self._schema.files for event in file.events)

    @cached_property
    def messages(self) -> dict[str, Message]:
        """All messages by their full names, those inside others too."""
        tops = (message for file in self._schema.files for message in file.messages)
        return {one.ref.full_name: one for top in tops for one in _with_nested(top)}

    @cached_property
    def enums(self) -> dict[str, Enum]:
        """All enums by their full names, those inside messages too."""
        own = [enum for file in self._schema.files for enum in file.enums]
        inner = [enum for message in self.messages.values() for enum in message.enums]
        return {enum.ref.full_name: enum for enum in (*own, *inner)}

    def message_class(self, name: str) -> type[ProtoMessage] | None:
        """The class of the message with this full name; None if it is not known."""
        try:
            found = self.pool.FindMessageTypeByName(name)
        except KeyError:
            return None
        return message_factory.GetMessageClass(found)

    def method(self, name: str) -> tuple[Service, Method]:
        """The method that is meant, and its service.

        Args:
            name: `acme.v1.QuestService.GenerateQuest`, or any of its shorter names that no other
                method has: `QuestService.GenerateQuest`, `quest.generate_quest`, of another
                version than v1 `quest_v2.generate_quest`, `GenerateQuest`.

        Raises:
            UserError: None or several are called so; the text says what to write.
        """
        pairs = [(service, method) for service in self.services for method in service.methods]
        names = {method.full_name: (service, method) for service, method in pairs}
        wanted = name.replace("/", ".")
        if found := names.get(wanted):
            return found
        fitting = [pair for pair in pairs if wanted in _short_names(*pair)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise _ambiguous(name, [method.full_name for _, method in fitting])
        if methods := sorted(_shortest(*pair) for pair in pairs if wanted in _holders(pair[0])):
            listed = f"{', '.join(methods[:6])}{', …' if methods[6:] else ''}"
            raise UserError.of(f"{name!r} is a service: name one of its methods, {listed}")
        near = names if wanted != wanted.lower() else {_shortest(*pair) for pair in pairs}
        raise UserError.of(f"no method {name!r} in {self.origin}: {did_you_mean(wanted, near)}")

    def event(self, name: str) -> Event | None:
        """The event with this full name or, where that is the only one, this last part of it; None
        if there is none.

        Raises:
            UserError: Several are called so.
        """
        found: Event | None = _only(name, {event.ref.full_name: event for event in self.events})
        return found

    def known_event(self, name: str) -> Event:
        """The event that is meant, as for `event`.

        Raises:
            UserError: None or several are called so; the text says what to write.
        """
        if (found := self.event(name)) is not None:
            return found
        names = [event.ref.full_name for event in self.events]
        raise UserError.of(f"no event {name!r} in {self.origin}: {did_you_mean(name, names)}")

    def event_on(self, subject: str) -> Event | None:
        """The event that is published to a subject; None if the schemas know of none."""
        fitting = (event for event in self.events if captures(event.filter_subject, subject))
        return next(fitting, None)

    def find(self, name: str) -> Named:
        """The service, method, event, message or enum that is meant.

        Raises:
            UserError: None or several are called so; the text says what to write.
        """
        known: dict[str, Any] = {**self.enums, **self.messages}
        known |= {event.ref.full_name: event for event in self.events}
        services = {service.full_name: service for service in self.services}
        methods = {m.full_name: m for service in self.services for m in service.methods}
        wanted = name.replace("/", ".")
        by_discovery = [service for service in self.services if service.name == wanted]
        if len(by_discovery) == 1:
            return by_discovery[0]
        found: Named | None = _only(wanted, {**known, **services, **methods})
        if found is not None:
            return found
        short = [
            (s, m) for s in self.services for m in s.methods if wanted in tuple(_short_names(s, m))
        ]
        if len(short) == 1:
            return short[0][1]
        if by_discovery:
            raise _ambiguous(name, [service.full_name for service in by_discovery])
        if short:
            raise _ambiguous(name, [method.full_name for _, method in short])
        near = did_you_mean(wanted, {**known, **services, **methods})
        raise UserError.of(f"nothing is called {name!r} in {self.origin}: {near}")


def _with_nested(message: Message) -> Iterator[Message]:
    yield message
    for nested in message.messages:
        yield from _with_nested(nested)


def _shortest(service: Service, method: Method) -> str:
    return f"{user_of(service)}.{_operation(service, method)}"


def _operation(service: Service, method: Method) -> str:
    """The method in subjects, behind domain and version: what `protonats stats` calls it."""
    return method.subject.removeprefix(f"svc.{service.domain}.").split(".")[1]


def _holders(service: Service) -> tuple[str, ...]:
    return service.full_name, service.proto_name, service.name, user_of(service)


def _short_names(service: Service, method: Method) -> Iterator[str]:
    names = dict.fromkeys((method.name, _operation(service, method), method.python_name))
    for holder in _holders(service)[1:]:
        yield from (f"{holder}.{name}" for name in names)
    yield from names


def _only(name: str, known: dict[str, Any]) -> Any:
    if name in known:
        return known[name]
    fitting = [full for full in known if full.endswith(f".{name}")]
    if len(fitting) > 1:
        raise _ambiguous(name, fitting)
    return known[fitting[0]] if fitting else None


def _ambiguous(name: str, full_names: Iterable[str]) -> UserError:
    return UserError.of(f"{name!r} may be {' or '.join(sorted(full_names))}: write its full name")
