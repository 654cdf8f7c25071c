"""One state of a project, as a comparison sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from protoc_gen_nats.comparing.findings import Affected
from protoc_gen_nats.descriptors import SchemaFile, SchemaSet
from protoc_gen_nats.graph import Graph
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Event, Method, Schema, Service
from protoc_gen_nats.rules.schema_set import events_of

__all__ = ["Snapshot"]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Schemas and manifest at one time."""

    schema: Schema
    protos: tuple[FileDescriptorProto, ...]
    """All schemas, imported ones too."""

    own: frozenset[str]
    """The paths of the project's own schemas."""

    manifest: Manifest | None
    """None: it is not known, as of an image."""

    folders: Mapping[str, str] = field(default_factory=dict)
    """The folder of each own schema, relative to the project."""

    @cached_property
    def files(self) -> Mapping[str, SchemaFile]:
        """The project's own schemas, by path."""
        return {path: file for path, file in self.schemas.files.items() if path in self.own}

    @cached_property
    def schemas(self) -> SchemaSet:
        """All schemas, searchable by name."""
        return SchemaSet(self.protos)

    @cached_property
    def pool(self) -> DescriptorPool:
        """All schemas, with the features of their editions resolved."""
        pool = DescriptorPool()
        for proto in self.protos:
            pool.AddSerializedFile(proto.SerializeToString())
        return pool

    @cached_property
    def packages(self) -> frozenset[str]:
        """The packages of its own schemas."""
        return frozenset(file.proto.package for file in self.files.values())

    @cached_property
    def types(self) -> frozenset[str]:
        """The full names of the messages and enums of its own schemas."""
        return frozenset(
            file.full_name(name)
            for file in self.files.values()
            for _, name, _ in (*file.messages(), *file.enums())
        )

    @cached_property
    def graph(self) -> Graph:
        """Who calls whom, and whose events reach whom."""
        return Graph.of(self.schema)

    @cached_property
    def services(self) -> Mapping[str, Service]:
        """All services, by full name."""
        return {service.full_name: service for service in self.schema.services}

    @cached_property
    def methods(self) -> frozenset[str]:
        """The full names of all methods."""
        return frozenset(m.full_name for service in self.schema.services for m in service.methods)

    @cached_property
    def callable(self) -> Mapping[str, frozenset[str]]:
        """The full names of the methods that each service may call, wildcards aside."""
        found: dict[str, set[str]] = {}
        for call in self.graph.calls:
            if not call.wildcard:
                names = found.setdefault(call.caller.full_name, set())
                names.update(method.full_name for method in call.methods)
        return {name: frozenset(methods) for name, methods in found.items()}

    @cached_property
    def events(self) -> Mapping[str, Event]:
        """All events, by full name."""
        return {event.ref.full_name: event for event in events_of(self.schema)}

    def numbers(self, message: str, path: str) -> str:
        """A field of a message, and those in it, by their numbers: another name is no other field.

        Args:
            message: The full name of the message.
            path: The names, with dots between them.
        """
        numbers = []
        for name in path.split("."):
            found = self.schemas.message(message)
            assert found, f"{message} was read with the schemas"
            part = next(one for one in found[2].field if one.name == name)
            numbers.append(str(part.number))
            message = part.type_name.removeprefix(".")
        return ".".join(numbers)

    def callers(self, callee: Service | Method) -> Iterator[Affected]:
        """Who may call a service or method."""
        for call in self.graph.callers_of(callee):
            role = "caller by wildcard" if call.wildcard else "caller"
            yield Affected(call.caller.full_name, role)

    def consumers(self, event: str) -> Iterator[Affected]:
        """Who consumes an event."""
        for service in self.schema.services:
            for consumer in service.consumers:
                if any(one.ref.full_name == event for one in consumer.events):
                    yield Affected(service.full_name, "consumer")

    def publishers(self, event: str) -> Iterator[Affected]:
        """Who publishes an event by type."""
        for service in self.schema.services:
            if any(one.ref.full_name == event for one in service.publishes):
                yield Affected(service.full_name, "publisher")

    def users(self, type_name: str) -> Iterator[Affected]:
        """Who sends or receives a message or enum, in whatever message it is."""
        types = self._holders(type_name)
        for service in self.schema.services:
            for method in service.methods:
                if {method.request.full_name, method.response.full_name} & types:
                    yield Affected(service.full_name, "server")
                    yield from self.callers(method)
        for name in self.events.keys() & types:
            yield from self.publishers(name)
            yield from self.consumers(name)

    def _holders(self, type_name: str) -> set[str]:
        """A type, and all messages that hold it somewhere."""
        found, waiting = {type_name}, [type_name]
        while waiting:
            for holder in self._used_by.get(waiting.pop(), ()):
                if holder not in found:
                    found.add(holder)
                    waiting.append(holder)
        return found

    @cached_property
    def _used_by(self) -> Mapping[str, set[str]]:
        users: dict[str, set[str]] = {}
        for name, uses in _uses(self.schemas.files.values()):
            for used in uses:
                users.setdefault(used, set()).add(name)
        return users


def _uses(files: Iterable[SchemaFile]) -> Iterator[tuple[str, list[str]]]:
    for file in files:
        for _, name, message in file.messages():
            types = [field.type_name.removeprefix(".") for field in message.field]
            yield file.full_name(name), [one for one in types if one]
