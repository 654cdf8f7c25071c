"""New schemas and events in a project that exists, in the style of those that it has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protoc_gen_nats.drawing.links import find_service
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.graph import Graph
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Event, Schema, Service
from protoc_gen_nats.naming import snake_case, version_of_package
from protoc_gen_nats.project.project import Project
from protoc_gen_nats.rendering.templates import render
from protoc_gen_nats.starting.names import ServiceNames, event_name, service_names
from protoc_gen_nats.writing import write_all

__all__ = ["NewEvent", "start_event", "start_service"]

_IMPORT: Final = 'import "protonats/v1/options.proto";'
_STATEMENT: Final = re.compile(r"^(?:import|package|syntax|edition)\b[^;]*;[^\n]*\n", re.M)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
    """An event that was added to a schema."""

    path: str
    """The schema, relative to the project."""

    subject: str
    stream: str | None
    """The stream that stores it; None: no stream of the manifest does."""


def start_service(project: Project, name: str, package: str | None) -> tuple[str, ServiceNames]:
    """Writes the schema of a new service.

    Args:
        project: Where to.
        name: What it is called.
        package: Of its schema; by default beside the other schemas.

    Returns:
        The path of the schema, relative to the project, and the names.

    Raises:
        UserError: The name cannot be used, or the schema exists.
    """
    folder = project.manifest().proto_roots[0]
    names = service_names(name, package, _parent(project.root / folder))
    path = f"{folder}/{names.path}"
    if (project.root / path).exists():
        raise UserError.of(f"{path} exists, and nothing is overwritten: choose another name")
    values = {"names": names, "camel": names.service.removesuffix("Service")}
    content = render("project/service.proto.j2", values)
    write_all(project.root, {path: content})
    return path, names


def _parent(folder: Path) -> str:
    """What all packages have in common before the last name, by the folders of the schemas: of
    `acme/quest/v1/quest.proto` it is `acme`."""
    parents = set()
    for path in folder.rglob("*.proto"):
        parts = path.relative_to(folder).parts[:-1]
        if parts[:1] != ("protonats",):
            parents.add(version_of_package(".".join(parts)).stem.rpartition(".")[0])
    return parents.pop() if len(parents) == 1 else ""


def start_event(project: Project, name: str, service: str) -> NewEvent:
    """Adds an event to the schema of a service.

    Raises:
        UserError: The name cannot be used, there is no such service, or the schema has a message of
            that name.
    """
    event_name(name)
    manifest, schema = project.manifest(), project.schema()
    owner = find_service(Graph.of(schema), service)
    file = next(one for one in schema.files if owner in one.services)
    if name in {message.name for message in file.messages}:
        raise UserError.of(f"{file.path} has a message {name}: choose another name")
    subject = _subject(owner, name, file.events)
    _check_free(schema, subject)
    path = next(
        f"{folder}/{file.path}"
        for folder in manifest.proto_roots
        if (project.root / folder / file.path).is_file()
    )
    values = {"name": name, "subject": subject, "words": snake_case(name).replace("_", " ")}
    message = render("project/event.proto.j2", values).decode()
    text = (project.root / path).read_bytes().decode()
    ending = "\r\n" if "\r\n" in text else "\n"
    text = f"{_with_import(text.replace(ending, chr(10))).rstrip()}\n\n{message}"
    write_all(project.root, {path: text.replace("\n", ending).encode()})
    return NewEvent(path=path, subject=subject, stream=_stream(manifest, f"{subject}.*"))


def _subject(service: Service, name: str, events: Sequence[Event]) -> str:
    """`evt.<domain>.<what happened>.v1`, as the other events of the schema have it."""
    what = snake_case(name)
    prefixes = {event.subject.rsplit(".", 2)[0] for event in events}
    prefix = prefixes.pop() if len(prefixes) == 1 else f"evt.{service.domain}"
    what = what.removeprefix(f"{prefix.rpartition('.')[2]}_")
    return f"{prefix}.{what}.v{service.version.partition('.')[0]}"


def _check_free(schema: Schema, subject: str) -> None:
    for file in schema.files:
        for event in file.events:
            if event.subject == subject:
                raise UserError.of(
                    f"{event.ref.full_name} has the subject {subject}: choose another name"
                )


def _with_import(text: str) -> str:
    """The schema with the import that options need: behind the last import, or the package."""
    statements = list(_STATEMENT.finditer(text))
    if any(_IMPORT in statement[0] for statement in statements):
        return text
    if not statements:
        return f"{_IMPORT}\n{text}"
    last = statements[-1]
    gap = "" if last[0].startswith("import") else "\n"
    return f"{text[:last.end()]}{gap}{_IMPORT}\n{text[last.end():]}"


def _stream(manifest: Manifest, subject: str) -> str | None:
    return next(iter(manifest.streams_of(subject)), None)
