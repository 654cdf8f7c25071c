"""Descriptors as protoc hands them over, with what is missing in them: where things stand.

The options of this package, and those of `google.api`, have to be imported before a request is
parsed: an extension that is unknown at that moment stays an unknown field, and `HasExtension` is
false.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
    SourceCodeInfo,
)

from protoc_gen_nats.errors import Place, Problem
from protoc_gen_nats.model import TypeRef
from protoc_gen_nats.naming import PROVIDED_PACKAGES, module_of
from protoc_gen_nats.python_modules import DEFAULTS, PythonOptions

__all__ = ["EMPTY", "Path", "SchemaFile", "SchemaSet", "in_outline"]

Path = tuple[int, ...]
"""Where an element stands in a FileDescriptorProto: field numbers and indexes, as in
SourceCodeInfo."""

_UNDATED = SourceCodeInfo.Location()
EMPTY: Mapping[str, bytes] = MappingProxyType({})
"""Positions of nothing."""


class SchemaFile:
    """One schema: its descriptor, comments and positions.

    Attributes:
        module: The Python module of its messages.
        provided: Whether an installed package has that module.
    """

    def __init__(
        self,
        proto: FileDescriptorProto,
        *,
        generated: bool,
        python: PythonOptions,
        positions: bytes | None = None,
    ) -> None:
        """
        Args:
            proto: The descriptor.
            generated: Whether its module is generated.
            python: Where the generated modules are.
            positions: The SourceCodeInfo, if that of `proto` has no more than `in_outline`.
        """
        self.proto = proto
        self.path = proto.name
        self._positions = positions
        module = module_of(proto.name)
        self.provided = not generated and module.startswith(PROVIDED_PACKAGES)
        self.module = module if self.provided else python.messages(proto.name)

    @cached_property
    def _outline(self) -> Mapping[Path, SourceCodeInfo.Location]:
        return _by_path(self.proto.source_code_info)

    @cached_property
    def _details(self) -> Mapping[Path, SourceCodeInfo.Location]:
        if self._positions is None:
            return self._outline
        return _by_path(SourceCodeInfo.FromString(self._positions))

    def _location(self, path: Path) -> SourceCodeInfo.Location | None:
        return (self._outline if in_outline(path) else self._details).get(path)

    def comment(self, path: Path) -> str:
        """The comment above an element, else the one behind it, without signs and margins."""
        place = self._location(path) or _UNDATED
        text = place.leading_comments or place.trailing_comments
        lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
        if all(line.startswith("/") for line in lines if line):
            lines = [line[1:] for line in lines]
        margin = min((len(li) - len(li.lstrip(" ")) for li in lines if li), default=0)
        return "\n".join(line[margin:] for line in lines).strip("\n")

    def place(self, path: Path) -> Place:
        """Where an element stands, or the nearest one around it whose place is known."""
        for length in range(len(path), 0, -1):
            found = self._location(path[:length])
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


def in_outline(path: Sequence[int]) -> bool:
    """Whether a path leads to a part of a service, or to a message or its options: to what is asked
    for of every schema, and not to one of the many fields."""
    if not path or path[0] != 4:
        return not path or path[0] == 6
    depth = 2
    while len(path) > depth + 1 and path[depth] == 3:
        depth += 2
    return len(path) <= depth or path[depth] == 7


def _by_path(info: SourceCodeInfo) -> dict[Path, SourceCodeInfo.Location]:
    return {tuple(place.path): place for place in info.location}


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

    def __init__(
        self,
        files: Iterable[FileDescriptorProto],
        generate: Container[str] = (),
        python: PythonOptions = DEFAULTS,
        positions: Mapping[str, bytes] = EMPTY,
    ) -> None:
        """
        Args:
            files: The schemas.
            generate: The paths of those whose modules are generated.
            python: Where these modules are.
            positions: The SourceCodeInfo of those that have no more than an outline of it.
        """
        self.files = {
            proto.name: SchemaFile(
                proto,
                generated=proto.name in generate,
                python=python,
                positions=positions.get(proto.name),
            )
            for proto in files
        }
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
        ref = TypeRef(
            full_name=full_name, module=file.module, qualname=name, provided=file.provided
        )
        self._types[full_name] = _Declared(file, path, message, ref)

    def ref(self, type_name: str) -> TypeRef:
        """The type that a descriptor calls `.acme.v1.Thing`."""
        return self._types[type_name.removeprefix(".")].ref

    def path_of(self, type_name: str) -> str:
        """The path of the schema that declares what a descriptor calls `.acme.v1.Thing`."""
        return self._types[type_name.removeprefix(".")].file.path

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
