"""Messages and enums by their names, looked up without building those of other schemas."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.model import Enum, File, Message, Schema, TypeRef
from protoc_gen_nats.targets.python_types import all_messages

__all__ = ["TypeIndex", "declared_in"]


class TypeIndex:
    """The types of a schema."""

    def __init__(self, schema: Schema) -> None:
        self._files = {file.module: file for file in schema.files}
        self._declared: dict[str, dict[str, Message | Enum]] = {}

    def file(self, type_: TypeRef) -> File | None:
        """The schema that declares a type, or None if it is not one of the project's."""
        return None if type_.provided else self._files.get(type_.module)

    def find(self, type_: TypeRef) -> Message | Enum | None:
        """A type, or None if it is not one of the project's."""
        file = self.file(type_)
        if file is None:
            return None
        if file.path not in self._declared:
            self._declared[file.path] = {one.ref.full_name: one for one in declared_in(file)}
        return self._declared[file.path].get(type_.full_name)


def declared_in(file: File) -> Iterator[Message | Enum]:
    """The messages and enums of a schema, each message before what is nested in it."""
    for message in all_messages(file.messages):
        yield message
        yield from message.enums
    yield from file.enums
