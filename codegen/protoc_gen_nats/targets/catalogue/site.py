"""The pages of the catalogue, and the files beside them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from markupsafe import Markup

from protoc_gen_nats.drawing.links import shown
from protoc_gen_nats.drawing.svg import MOST_LINKS, draw
from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.manifest import Manifest, Stream
from protoc_gen_nats.model import File, Schema, Service
from protoc_gen_nats.permissions import service_prefix
from protoc_gen_nats.rendering.templates import render as render_template
from protoc_gen_nats.targets.catalogue.context import Context
from protoc_gen_nats.targets.catalogue.links import Link, Links
from protoc_gen_nats.targets.catalogue.methods import Fact, method_view
from protoc_gen_nats.targets.catalogue.neighbours import Neighbours
from protoc_gen_nats.targets.catalogue.search import search_script
from protoc_gen_nats.targets.catalogue.services import EventView, event_view, service_view
from protoc_gen_nats.targets.catalogue.text import duration_text, size_text
from protoc_gen_nats.targets.catalogue.types import TypeView, type_views
from protoc_gen_nats.targets.json_documents import title_of

__all__ = ["plan"]

_FOLDER = "docs/catalogue"
_ASSETS = ("catalogue.css", "catalogue.js")


@dataclass(frozen=True, kw_only=True, slots=True)
class _StreamView:
    """A stream."""

    name: str
    description: str
    facts: list[Fact]
    events: list[EventView]
    consumers: list[tuple[str, Link]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _TypesView:
    """The types of a schema that has a page for them alone."""

    link: Link
    path: str
    services: list[Link]
    types: list[TypeView]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """A service, as lists name it."""

    link: Link
    full_name: str
    description: str
    prefix: str
    """What the subjects of its methods begin with."""

    methods: int
    publishes: int
    consumes: int


def plan(schema: Schema, manifest: Manifest) -> Iterator[GeneratedFile | PlannedFile]:
    """Plans the site, unless there are neither services nor events."""
    if schema.services or any(file.events for file in schema.files):
        yield from _Site(schema, manifest).files()


class _Site:
    """The pages of one catalogue."""

    def __init__(self, schema: Schema, manifest: Manifest) -> None:
        self._context = context = Context.of(schema, manifest)
        self._title = title_of(schema)
        self._neighbours = Neighbours(context)
        self._services = sorted(
            ((service, file) for file in schema.files for service in file.services),
            key=lambda found: (found[0].name, found[0].full_name),
        )
        self._entries = [_entry(service, context.links) for service, _ in self._services]
        self._types = [file for file in schema.files if file.path in context.links.type_pages]
        self._type_links = [_types_link(file, context.links) for file in self._types]
        self._events = [
            event_view(event, context) for file in schema.files for event in file.events
        ]
        self._routes = sorted(
            (
                (rule.path, rule.verb, method_view(method, context), context.links.service(service))
                for service, _ in self._services
                for method in service.methods
                for rule in method.http
            ),
            key=lambda route: route[:2],
        )

    def files(self) -> Iterator[GeneratedFile | PlannedFile]:
        """All files of the site."""
        yield self._page("index.html", "index", "Overview", self._overview())
        yield self._page("events.html", "events", "Events", {"events": self._events})
        yield self._page("streams.html", "streams", "Streams", {"streams": self._streams()})
        if self._routes:
            yield self._page("routes.html", "routes", "HTTP routes", {"routes": self._routes})
        # What every page says, brought into one piece only once.
        common = pickle.dumps((self._title, bool(self._routes), self._type_links))
        for service, file in self._services:
            yield PlannedFile(
                path=f"{_FOLDER}/{self._context.links.page(service)}",
                render=partial(self._service_page, service, file),
                files=self._neighbours.of_service(service, file),
                beside=(common, self._context.links.names_users(file)),
            )
        for link, file in zip(self._type_links, self._types, strict=True):
            yield PlannedFile(
                path=f"{_FOLDER}/{link.href}",
                render=partial(self._types_page, link, file),
                files=self._neighbours.of_types(file),
                beside=(common, self._context.links.names_users(file)),
            )
        for name in _ASSETS:
            yield PlannedFile(path=f"{_FOLDER}/{name}", render=partial(_asset, name), files=())
        script = search_script(self._context).encode()
        yield GeneratedFile(path=f"{_FOLDER}/search.js", content=script)

    def _service_page(self, service: Service, file: File) -> GeneratedFile:
        view = service_view(service, file, self._context)
        values = {"service": view, "graph": self._drawing(service)}
        return self._page(view.link.href, "service", view.proto_name, values)

    def _types_page(self, link: Link, file: File) -> GeneratedFile:
        return self._page(
            link.href, "types", link.text, {"schema": _types_view(link, file, self._context)}
        )

    def _page(self, path: str, template: str, title: str, values: dict[str, Any]) -> GeneratedFile:
        common = {
            "page": path,
            "up": "../" * path.count("/"),
            "title": title,
            "site": self._title,
            "navigation": [] if self._context.is_large else self._entries,
            "schemas": self._type_links,
            "has_routes": bool(self._routes),
        }
        content = render_template(f"catalogue/{template}.html.j2", common | values)
        return GeneratedFile(path=f"{_FOLDER}/{path}", content=content)

    def _overview(self) -> dict[str, Any]:
        methods = sum(entry.methods for entry in self._entries)
        streams = self._context.manifest.streams
        counts = (
            (len(self._entries), "service"),
            (methods, "method"),
            (len(self._events), "event"),
            (len(streams), "stream"),
        )
        documents = self._context.manifest.documents
        return {
            "counts": [(n, one if n == 1 else f"{one}s") for n, one in counts if n],
            "services": self._entries,
            "graph": self._drawing(None),
            "openapi": "openapi" in documents and bool(self._routes),
        }

    def _drawing(self, service: Service | None) -> Markup:
        """The picture of all services, or of one and its neighbours; empty where it would be too
        much, or nothing."""
        graph, focus = self._context.graph, service.full_name if service else None
        if self._context.is_large:
            return Markup()
        links = len(shown(graph, focus).links)
        if not links or (focus is None and links > MOST_LINKS):
            return Markup()
        up = "../" if focus else ""
        pages = {one.full_name: f"{up}{one.link.href}" for one in self._entries}
        return Markup(draw(graph, focus=focus, links=pages))

    def _streams(self) -> list[_StreamView]:
        consumers: dict[str, list[tuple[str, Link]]] = {}
        for service, _ in self._services:
            link = self._context.links.service(service)
            for consumer in service.consumers:
                stream = self._context.stream_of(consumer.events[0]).text
                consumers.setdefault(stream, []).append((consumer.durable, link))
        return [
            _stream_view(stream, self._events, consumers.get(stream.name, []))
            for stream in self._context.manifest.streams
        ]


def _entry(service: Service, links: Links) -> _Entry:
    return _Entry(
        link=links.service(service),
        full_name=service.full_name,
        description=service.description,
        prefix=service_prefix(service),
        methods=len(service.methods),
        publishes=len(service.publishes),
        consumes=sum(len(consumer.events) for consumer in service.consumers),
    )


def _asset(name: str) -> GeneratedFile:
    content = render_template(f"catalogue/{name}", {})
    return GeneratedFile(path=f"{_FOLDER}/{name}", content=content)


def _types_link(file: File, links: Links) -> Link:
    name = file.path.removesuffix(".proto").rpartition("/")[2]
    return Link(name, links.types_page(file), file.path)


def _types_view(link: Link, file: File, context: Context) -> _TypesView:
    services = [context.links.service(service) for service in file.services]
    return _TypesView(
        link=link,
        path=file.path,
        services=services,
        types=type_views(file, context.links),
    )


def _stream_view(
    stream: Stream, events: list[EventView], consumers: list[tuple[str, Link]]
) -> _StreamView:
    facts = [
        Fact(label="Subjects", code=", ".join(stream.subjects)),
        Fact(label="Retention", text=stream.retention.replace("_", " ")),
        Fact(label="Age", text=duration_text(stream.max_age) if stream.max_age else "any"),
        Fact(label="Replicas", text=str(stream.replicas)),
    ]
    if stream.max_message:
        facts.append(Fact(label="Message", text=f"at most {size_text(stream.max_message)}"))
    if stream.duplicate_window:
        facts.append(
            Fact(
                label="Duplicates", text=f"dropped within {duration_text(stream.duplicate_window)}"
            )
        )
    return _StreamView(
        name=stream.name,
        description=stream.description,
        facts=facts,
        events=[event for event in events if event.stream.text == stream.name],
        consumers=consumers,
    )
