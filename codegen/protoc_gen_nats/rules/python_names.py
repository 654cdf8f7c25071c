"""Rules of names that Python's protobuf cannot live with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto

from protoc_gen_nats.descriptors import Path, SchemaFile
from protoc_gen_nats.errors import Problem

__all__ = ["check_names"]

_NEEDED = frozenset(
    {
        *("DESCRIPTOR", "FromString", "IsInitialized", "MergeFromString", "ParseFromString"),
        *("SerializePartialToString", "SerializeToString"),
    }
)
"""What sending and receiving a message needs of its class."""


def check_names(file: SchemaFile) -> Iterator[Problem]:
    """Finds names that the generated classes of protobuf cannot have.

    Names such as `__init__` are Python's own, wherever they stand; a field or a message in a
    message takes the place of a method of the same name.
    """
    for path, name in _names(file):
        if name.startswith("__") and name.endswith("__") and name.strip("_"):
            text = f"{name!r} is a name of Python's own, which no class can do without: rename it"
            yield file.problem(path, text)
    for path, scope, message in file.messages():
        for inner, name in _members(message, path):
            if name in _NEEDED:
                text = (
                    f"{name!r} would take the place of what Python needs to send {scope}: rename it"
                )
                yield file.problem(inner, text)


def _names(file: SchemaFile) -> Iterator[tuple[Path, str]]:
    """All names that become attributes of modules or classes."""
    for path, scope, message in file.messages():
        yield path, scope.rpartition(".")[2]
        yield from _indexed((*path, 2), (field.name for field in message.field))
        yield from _indexed((*path, 6), (field.name for field in message.extension))
    for path, scope, enum in file.enums():
        yield path, scope.rpartition(".")[2]
        yield from _indexed((*path, 2), (value.name for value in enum.value))
    yield from _indexed((7,), (field.name for field in file.proto.extension))


def _members(message: DescriptorProto, path: Path) -> Iterator[tuple[Path, str]]:
    yield from _indexed((*path, 2), (field.name for field in message.field))
    yield from _indexed((*path, 3), (nested.name for nested in message.nested_type))


def _indexed(path: Path, names: Iterable[str]) -> Iterator[tuple[Path, str]]:
    for index, name in enumerate(names):
        yield (*path, index), name
