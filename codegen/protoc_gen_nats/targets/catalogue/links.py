"""Where in the catalogue something is described, and who uses it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protoc_gen_nats.model import Enum, Event, File, Method, Schema, Service, TypeRef
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.python_modules import DEFAULTS
from protoc_gen_nats.targets.python_types import all_messages
from protoc_gen_nats.targets.type_index import TypeIndex

__all__ = ["Link", "Links"]

_MOST_USING = 100
"""Who uses a type is said where no more schemas than these use the types of its schema: a page that
names half a company helps nobody, and would change with all of it."""


@dataclass(frozen=True, slots=True)
class Link:
    """A name that may lead somewhere."""

    text: str
    href: str = ""
    """Relative to the catalogue's folder; empty: it is described nowhere here."""

    title: str = ""
    """The full name, where the text is shorter."""


class Links:
    """The pages of a schema's services and types, and who uses each type."""

    def __init__(self, schema: Schema) -> None:
        self._index = TypeIndex(schema)
        self._methods = {
            method.full_name: f"{self.page(service)}#method-{method.name}"
            for service in schema.services
            for method in service.methods
        }
        self._using: dict[str, list[File]] = {}
        for file in schema.files:
            for path in (file.path, *file.uses):
                self._using.setdefault(path, []).append(file)
        self._users: dict[str, dict[str, dict[Link, None]]] = {}
        reached = _reached(schema)
        self.type_pages = {
            # A module is called as no other one, without signs that mean something in links.
            file.path: f"types/{DEFAULTS.messages(file.path).removesuffix('_pb2')}.html"
            for file in schema.files
            if len(file.services) != 1 and file.path in reached
        }
        """The pages of schemas that are not that of their one service, by path."""

    def declaring(self, type_: TypeRef) -> File | None:
        """The schema that declares a type, if it is one of the project's."""
        return self._index.file(type_)

    def using(self, file: File) -> list[File]:
        """The schemas that are asked for who uses the types of one: none, where too many do."""
        return self._using[file.path] if self.names_users(file) else []

    def names_users(self, file: File) -> bool:
        """Whether few enough schemas use the types of one."""
        return len(self._using[file.path]) <= _MOST_USING

    def page(self, service: Service) -> str:
        """The page of a service."""
        return f"services/{service.package}.html"

    def types_page(self, file: File) -> str:
        """The page on which the types of a schema are, or an empty text if there is none."""
        if len(file.services) == 1:
            return self.page(file.services[0])
        return self.type_pages.get(file.path, "")

    def service(self, service: Service) -> Link:
        """A service."""
        return Link(user_of(service), self.page(service), service.full_name)

    def method(self, method: Method, *, full: bool = True) -> Link:
        """A method, with its service's name before it or alone."""
        name = ".".join(method.full_name.split(".")[-2:]) if full else method.name
        return Link(name, self._methods.get(method.full_name, ""), method.full_name)

    def type(self, type_: TypeRef) -> Link:
        """A message or enum."""
        file = self._index.file(type_)
        page = self.types_page(file) if file else ""
        href = f"{page}#type-{type_.qualname}" if page else ""
        return Link(type_.qualname, href, type_.full_name)

    def event(self, event: Event) -> Link:
        """An event."""
        return self.type(event.ref)

    def enum_names(self, type_: TypeRef) -> dict[int, str]:
        """The values of an enum by number; none of what is no enum of the project."""
        declared = self._index.find(type_)
        return {v.number: v.name for v in declared.values} if isinstance(declared, Enum) else {}

    def users(self, type_: TypeRef) -> list[Link]:
        """The methods and messages that a type is part of."""
        file = self._index.file(type_)
        if file is None:
            return []
        if file.path not in self._users:
            self._users[file.path] = self._users_of(file)
        return list(self._users[file.path].get(type_.full_name, ()))

    def _users_of(self, file: File) -> dict[str, dict[Link, None]]:
        """The users of each type of a schema, by its full name."""
        found: dict[str, dict[Link, None]] = {}
        for type_, user in self._uses_in(self.using(file)):
            if user.href:
                found.setdefault(type_.full_name, {})[user] = None
        return found

    def _uses_in(self, files: list[File]) -> Iterator[tuple[TypeRef, Link]]:
        for service in (service for file in files for service in file.services):
            for method in service.methods:
                link = self.method(method)
                yield from ((method.request, link), (method.response, link))
        for message in (message for file in files for message in all_messages(file.messages)):
            for field in message.fields:
                if field.type and field.type.full_name != message.ref.full_name:
                    yield field.type, self.type(message.ref)


def _reached(schema: Schema) -> set[str]:
    """The paths of the schemas with services or events, and of all that these are made of."""
    files = {file.path: file for file in schema.files}
    waiting = [file for file in schema.files if file.services or file.events]
    seen = {file.path for file in waiting}
    while waiting:
        for path in waiting.pop().uses:
            if path not in seen:
                seen.add(path)
                waiting.append(files[path])
    return seen
