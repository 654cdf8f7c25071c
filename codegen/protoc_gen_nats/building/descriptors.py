"""Descriptors as protoc hands them over, with what is missing in them: where things stand.

The options of this package, and those of `google.api`, have to be imported before a request is
parsed: an extension that is unknown at that moment stays an unknown field, and `HasExtension` is
false.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
    SourceCodeInfo,
)

from protoc_gen_nats.errors import Place, Problem
from protoc_gen_nats.model import TypeRef
from protoc_gen_nats.naming import module_of

__all__ = ["Path", "SchemaFile", "SchemaSet"]

Path = tuple[int, ...]
"""Where an element stands in a FileDescriptorProto: field numbers and indexes, as in
SourceCodeInfo."""

_UNDATED = SourceCodeInfo.Location()


class SchemaFile:
    """One schema: its descriptor, comments and positions."""

    def __init__(self, proto: FileDescriptorProto) -> None:
        self.proto = proto
        self.path = proto.name
        self.module = module_of(proto.name)

    @cached_property
    def _locations(self) -> Mapping[Path, SourceCodeInfo.Location]:
        return {tuple(place.path): place for place in self.proto.source_code_info.location}

    def comment(self, path: Path) -> str:
        """The comment above an element, else the one behind it, without signs and margins."""
        place = self._locations.get(path, _UNDATED)
        text = place.leading_comments or place.trailing_comments
        lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
        if all(line.startswith("/") for line in lines if line):
            lines = [line[1:] for line in lines]
        margin = min((len(li) - len(li.lstrip(" ")) for li in lines if li), default=0)
        return "\n".join(line[margin:] for line in lines).strip("\n")

    def place(self, path: Path) -> Place:
        """Where an element stands, or the nearest one around it whose place is known."""
        for length in range(len(path), 0, -1):
            found = self._locations.get(path[:length])
            if found is not None:
                return Place(self.path, found.span[0] + 1, found.span[1] + 1)
        return Place(self.path)

    def problem(self, path: Path, text: str) -> Problem:
        """A problem at an element."""
        return Problem(self.place(path), text)

    def messages(self) -> Iterator[tuple[Path, str, DescriptorProto]]:
        """Every message, nested ones too: its place, its name below the package, its descriptor."""
        yield from _messages(self.proto.message_type, (4,), "")

    def enums(self) -> Iterator[tuple[Path, str, EnumDescriptorProto]]:
        """Every enum, nested ones too: its place, its name below the package, its descriptor."""
        for index, enum in enumerate(self.proto.enum_type):
            yield (5, index), enum.name, enum
        for path, name, message in self.messages():
            for index, enum in enumerate(message.enum_type):
                yield (*path, 4, index), f"{name}.{enum.name}", enum

    def services(self) -> Iterator[tuple[Path, ServiceDescriptorProto]]:
        """Every service and its place."""
        for index, service in enumerate(self.proto.service):
            yield (6, index), service

    def top_names(self) -> Iterator[str]:
        """The names of what is declared at the top of the schema, services aside."""
        yield from (message.name for message in self.proto.message_type)
        for enum in self.proto.enum_type:
            yield enum.name
            yield from (value.name for value in enum.value)
        yield from (extension.name for extension in self.proto.extension)

    def full_name(self, name: str) -> str:
        """The full name of what is called `name` below the package."""
        return f"{self.proto.package}.{name}" if self.proto.package else name


def _messages(
    messages: Iterable[DescriptorProto], prefix: Path, scope: str
) -> Iterator[tuple[Path, str, DescriptorProto]]:
    for index, message in enumerate(messages):
        path, name = (*prefix, index), f"{scope}{message.name}"
        yield path, name, message
        yield from _messages(message.nested_type, (*path, 3), f"{name}.")


@dataclass(frozen=True, slots=True)
class _Declared:
    file: SchemaFile
    path: Path
    message: DescriptorProto | None
    ref: TypeRef


class SchemaSet:
    """All schemas of one request, searchable by full name."""

    def __init__(self, files: Iterable[FileDescriptorProto]) -> None:
        self.files = {proto.name: SchemaFile(proto) for proto in files}
        self._types: dict[str, _Declared] = {}
        for file in self.files.values():
            for path, name, message in file.messages():
                self._declare(file, path, name, message)
            for path, name, _ in file.enums():
                self._declare(file, path, name, None)

    def _declare(
        self, file: SchemaFile, path: Path, name: str, message: DescriptorProto | None
    ) -> None:
        full_name = file.full_name(name)
        ref = TypeRef(full_name=full_name, module=file.module, qualname=name)
        self._types[full_name] = _Declared(file, path, message, ref)

    def ref(self, type_name: str) -> TypeRef:
        """The type that a descriptor calls `.acme.v1.Thing`."""
        return self._types[type_name.removeprefix(".")].ref

    def public_imports(self, file: SchemaFile) -> Iterator[SchemaFile]:
        """The schemas that one imports publicly, and those that these import so."""
        for index in file.proto.public_dependency:
            imported = self.files[file.proto.dependency[index]]
            yield imported
            yield from self.public_imports(imported)

    def message(self, full_name: str) -> tuple[SchemaFile, Path, DescriptorProto] | None:
        """A message by its full name, or None if there is no such message."""
        found = self._types.get(full_name.removeprefix("."))
        if found is None or found.message is None:
            return None
        return found.file, found.path, found.message

    def map_entry(self, type_name: str) -> DescriptorProto | None:
        """The message that protoc makes up for the entries of a map, or None if it is no such."""
        found = self.message(type_name)
        return found[2] if found is not None and found[2].options.map_entry else None

    def message_names(self) -> list[str]:
        """The full names of all messages."""
        return [name for name, found in self._types.items() if found.message is not None]
