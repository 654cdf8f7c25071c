"""Services as the catalogue shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from protoc_gen_nats.graph import Call
from protoc_gen_nats.model import Bucket, Consumer, Event, File, Service
from protoc_gen_nats.permissions import Permissions, permissions_of, service_prefix
from protoc_gen_nats.targets import asyncapi
from protoc_gen_nats.targets.catalogue.context import Context
from protoc_gen_nats.targets.catalogue.links import Link, Links
from protoc_gen_nats.targets.catalogue.methods import MethodView, method_view
from protoc_gen_nats.targets.catalogue.text import comment_html, duration_text, summary_html
from protoc_gen_nats.targets.catalogue.types import TypeView, type_views

__all__ = ["EventView", "ServiceView", "event_view", "service_view"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EventView:
    """An event, with those who publish and consume it."""

    link: Link
    subject: str
    """With `{field}` for the key."""

    stream: Link
    publishers: list[Link]
    consumers: list[Link]
    summary: Markup


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerView:
    """A durable consumer."""

    durable: str
    events: list[Link]
    stream: Link
    ack_wait: str
    max_deliver: int
    max_ack_pending: int
    backoff: str


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a service's page."""

    anchor: str
    title: str
    entries: Sequence[MethodView | TypeView]
    """What it lists that has a place of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceView:
    """A service."""

    link: Link
    proto_name: str
    full_name: str
    version: str
    path: str
    """The schema."""

    description: str
    comment: Markup
    prefix: str
    """What the subjects of its methods begin with."""

    queue: str
    methods: list[MethodView]
    publishes: list[EventView]
    consumers: list[ConsumerView]
    buckets: list[tuple[Bucket, str]]
    """Each with how long a value lives; empty: until it is removed."""

    callers: list[Link]
    callees: list[tuple[Link, list[Link]]]
    """The services it calls, and which methods of them; none: all of them."""

    calls_anything: bool
    permissions: Permissions
    types: list[TypeView]
    asyncapi: str
    """Its document in AsyncAPI, relative to the catalogue's folder; empty: there is none."""

    @property
    def sections(self) -> list[Section]:
        """The sections of its page that are not empty."""
        found: list[tuple[Section, Sequence[object]]] = [
            (Section("methods", "Methods", self.methods), self.methods),
            (Section("publishes", "Publishes", ()), self.publishes),
            (Section("consumes", "Consumes", ()), self.consumers),
            (Section("buckets", "Key-value buckets", ()), self.buckets),
            (Section("permissions", "Permissions", ()), self.permissions.subscribe),
            (Section("types", "Types", self.types), self.types),
        ]
        return [section for section, items in found if items]


def service_view(service: Service, file: File, context: Context) -> ServiceView:
    """A service of a schema, with its neighbours."""
    links = context.links
    calls = context.graph.callers_of(service)
    return ServiceView(
        link=links.service(service),
        proto_name=service.proto_name,
        full_name=service.full_name,
        version=service.version,
        path=file.path,
        description=service.description,
        comment=comment_html(service.comment),
        prefix=service_prefix(service),
        queue=f"q.{service.domain}",
        methods=[method_view(method, context) for method in service.methods],
        publishes=[event_view(event, context) for event in service.publishes],
        consumers=[_consumer(consumer, context) for consumer in service.consumers],
        buckets=[(b, duration_text(b.ttl) if b.ttl else "") for b in service.buckets],
        callers=[links.service(call.caller) for call in calls if not call.wildcard],
        callees=[_callee(call, links) for call in _calls_of(service, context)],
        calls_anything="*" in service.calls,
        permissions=permissions_of(service, context.schema, context.graph, context.manifest),
        types=type_views(file, links) if len(file.services) == 1 else [],
        asyncapi=_asyncapi(service, context),
    )


def event_view(event: Event, context: Context) -> EventView:
    """An event, with those who publish and consume it."""
    name, links = event.ref.full_name, context.links
    return EventView(
        link=links.type(event.ref),
        subject=f"{event.subject}.{{{event.key_field}}}" if event.key_field else event.subject,
        stream=context.stream_of(event),
        publishers=[links.service(one) for one in context.publishers.get(name, ())],
        consumers=[links.service(one) for one in context.consumers.get(name, ())],
        summary=summary_html(event.comment),
    )


def _asyncapi(service: Service, context: Context) -> str:
    found = "asyncapi" in context.manifest.documents and (
        service.methods or asyncapi.events_of(service) or _calls_of(service, context)
    )
    return f"../{asyncapi.path_of(service).removeprefix('docs/')}" if found else ""


def _calls_of(service: Service, context: Context) -> list[Call]:
    """What a service calls, without what only a wildcard allows."""
    return [call for call in context.calls.get(service.full_name, ()) if not call.wildcard]


def _callee(call: Call, links: Links) -> tuple[Link, list[Link]]:
    methods = [] if call.whole else [links.method(one, full=False) for one in call.methods]
    return links.service(call.callee), methods


def _consumer(consumer: Consumer, context: Context) -> ConsumerView:
    defaults = context.manifest.consumer_defaults
    backoff = consumer.backoff or defaults.backoff
    return ConsumerView(
        durable=consumer.durable,
        events=[context.links.type(event.ref) for event in consumer.events],
        stream=context.stream_of(consumer.events[0]),
        ack_wait=duration_text(consumer.ack_wait or defaults.ack_wait),
        max_deliver=consumer.max_deliver or defaults.max_deliver,
        max_ack_pending=consumer.max_ack_pending or defaults.max_ack_pending,
        backoff=", ".join(map(duration_text, backoff)),
    )
