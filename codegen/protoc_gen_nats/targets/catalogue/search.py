"""The index of the catalogue's search: a script, as a page that is opened as a file cannot load
anything else."""

from __future__ import annotations

import json
from collections.abc import Iterator

from protoc_gen_nats.model import Enum, Event, Message, TypeRef
from protoc_gen_nats.targets.catalogue.context import Context
from protoc_gen_nats.targets.catalogue.text import plain_text
from protoc_gen_nats.targets.python_types import all_messages

__all__ = ["search_script"]

_Entry = tuple[str, str, str, str, str]


def search_script(context: Context) -> str:
    """`search.js`: an entry a line, `[kind, name, where it belongs, page, text]`.

    Messages that are no events, and enums, are in it where there are not too many services.
    """
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in _entries(context))
    return f"window.catalogueIndex = [\n{lines}\n];\n"


def _entries(context: Context) -> Iterator[_Entry]:
    links = context.links
    for file in context.schema.files:
        for service in file.services:
            text = plain_text(f"{service.description} {service.comment}")
            yield "service", service.proto_name, service.name, links.page(service), text
            for method in service.methods:
                text = plain_text(f"{method.comment} {method.subject}")
                routes = " ".join(f"{rule.verb} {rule.path}" for rule in method.http)
                page = links.method(method).href
                yield "method", method.name, service.name, page, f"{text} {routes}".strip()
        if not links.types_page(file):
            continue
        events = {event.ref.full_name: event for event in file.events}
        if context.is_large:
            yield from (_event(event, context) for event in file.events)
            continue
        for message in all_messages(file.messages):
            event = events.get(message.ref.full_name)
            subject = event.subject if event else ""
            yield _type(message, "event" if event else "message", context, subject)
            yield from (_type(enum, "enum", context, "") for enum in message.enums)
        yield from (_type(enum, "enum", context, "") for enum in file.enums)
    for stream in context.manifest.streams:
        text = plain_text(f"{stream.description} {' '.join(stream.subjects)}")
        yield "stream", stream.name, "", context.stream_link(stream.name).href, text


def _event(event: Event, context: Context) -> _Entry:
    link, package = context.links.event(event), _package(event.ref)
    return "event", link.text, package, link.href, plain_text(f"{event.comment} {event.subject}")


def _type(type_: Message | Enum, kind: str, context: Context, subject: str) -> _Entry:
    parts = type_.fields if isinstance(type_, Message) else type_.values
    names = " ".join(part.name for part in parts)
    link = context.links.type(type_.ref)
    text = plain_text(f"{type_.comment} {subject} {names}")
    return kind, link.text, _package(type_.ref), link.href, text


def _package(type_: TypeRef) -> str:
    return type_.full_name.removesuffix(f".{type_.qualname}")
