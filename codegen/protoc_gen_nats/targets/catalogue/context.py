"""What the pages of one catalogue are made from."""

from __future__ import annotations

from dataclasses import dataclass, field

from protoc_gen_nats.graph import Call, Graph
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Event, Schema, Service
from protoc_gen_nats.targets.catalogue.links import Link, Links

__all__ = ["Context"]

_LARGE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """A schema, its manifest, and what is looked up in them often."""

    schema: Schema
    manifest: Manifest
    graph: Graph
    links: Links
    calls: dict[str, list[Call]] = field(default_factory=dict)
    """The calls of each service, by its full name."""

    publishers: dict[str, list[Service]] = field(default_factory=dict)
    """The services that publish each event, by its full name."""

    consumers: dict[str, list[Service]] = field(default_factory=dict)
    streams: dict[str, str] = field(default_factory=dict)
    """The stream that stores each event, by its full name; none of those that no stream stores."""

    @property
    def is_large(self) -> bool:
        """Whether pages cannot name all services, and the search not all messages: they would grow
        with the square, or beyond what a browser likes to load."""
        return len(self.graph.services) > _LARGE

    @classmethod
    def of(cls, schema: Schema, manifest: Manifest) -> Context:
        """The context of a schema."""
        graph = Graph.of(schema)
        context = cls(schema=schema, manifest=manifest, graph=graph, links=Links(schema))
        for call in graph.calls:
            context.calls.setdefault(call.caller.full_name, []).append(call)
        for service in schema.services:
            for event in service.publishes:
                context.publishers.setdefault(event.ref.full_name, []).append(service)
            for event in {e.ref: e for c in service.consumers for e in c.events}.values():
                context.consumers.setdefault(event.ref.full_name, []).append(service)
        for event in (event for file in schema.files for event in file.events if event.durable):
            if names := manifest.streams_of(event.filter_subject):
                context.streams[event.ref.full_name] = names[0]
        return context

    def stream_of(self, event: Event) -> Link:
        """The stream that stores an event; without a text if none does."""
        return self.stream_link(self.streams.get(event.ref.full_name, ""))

    def stream_link(self, name: str) -> Link:
        """A stream."""
        return Link(name, f"streams.html#stream-{name}") if name else Link("")
