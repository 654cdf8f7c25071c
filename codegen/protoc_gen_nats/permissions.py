"""What the user of a service has to be allowed on the NATS server, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from protoc_gen_nats.graph import Graph
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema, Service
from protoc_gen_nats.naming import version_of_package

__all__ = ["OPERATOR", "VERBS", "Permissions", "permissions_of", "service_prefix", "user_of"]

OPERATOR = "operator"
"""The user of people and of the command line, who may call every method."""

VERBS = ("PING", "INFO", "STATS")
"""What discovery answers (ADR-32)."""

_BORDER = "_R_.>"
"""What a border between accounts makes of the inboxes behind it: discovery is asked from the
account of monitoring, and methods with HTTP routes are called from that of the gateway."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects, with wildcards, each once and sorted."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    """With a queue group behind the subject where only that group may be joined, as NATS writes it:
    `svc.quest.v1.generate_quest q.quest`."""

    @classmethod
    def of(cls, publish: Iterable[str], subscribe: Iterable[str]) -> Permissions:
        """Puts subjects in order."""
        return cls(publish=tuple(sorted(set(publish))), subscribe=tuple(sorted(set(subscribe))))


def service_prefix(service: Service) -> str:
    """What all subjects of a service begin with, `svc.quest.v1`."""
    return f"svc.{service.domain}.{_subject_version(service)}"


def user_of(service: Service) -> str:
    """The user of a service on the server, and the name of its process (`NATS_NAME`): `quest`, and
    of another version than `v1` with that version, `quest_v2`, so that each has its own."""
    version = _subject_version(service)
    return service.name if version == "v1" else f"{service.name}_{version}"


def _subject_version(service: Service) -> str:
    """The version as subjects have it, that of the package."""
    package = service.full_name.removesuffix(service.proto_name).removesuffix(".")
    return version_of_package(package).token


def permissions_of(
    service: Service, schema: Schema, graph: Graph, manifest: Manifest
) -> Permissions:
    """What follows for a service from its methods, and from what it calls, publishes, consumes and
    keeps. Its user is that of `user_of`.
    """
    return Permissions.of(_publish(service, schema, graph, manifest), _subscribe(service))


def _publish(service: Service, schema: Schema, graph: Graph, manifest: Manifest) -> Iterator[str]:
    # Answers go to those who may call it, and nowhere else.
    callers = {user_of(call.caller) for call in graph.callers_of(service)}
    yield from (f"_INBOX.{user}.>" for user in (*callers, OPERATOR))
    yield _BORDER
    for call in graph.calls_of(service):
        prefix = service_prefix(call.callee)
        yield from (method.filter_subject for method in call.methods)
        # Giving a call up, and what follows its first message: of a stream, or of a large one.
        yield f"{prefix}._cancel"
        yield f"{prefix}._i.*.*"
    published = (
        [event for file in schema.files for event in file.events]
        if service.publishes_any
        else service.publishes
    )
    yield from (event.filter_subject for event in published)
    audited = any(method.audit for method in service.methods)
    if audited:
        yield f"audit.{service.domain}.*"
    if audited or service.consumers or any(event.durable for event in published):
        # To find the stream of a consumer, and to tell why no stream takes an event.
        yield "$JS.API.STREAM.NAMES"
    yield from _consuming(service, manifest)
    for bucket in service.buckets:
        yield f"$KV.{bucket.name}.>"
        yield f"$JS.API.STREAM.INFO.KV_{bucket.name}"
        yield f"$JS.API.STREAM.MSG.GET.KV_{bucket.name}"


def _consuming(service: Service, manifest: Manifest) -> Iterator[str]:
    for consumer in service.consumers:
        for stream in manifest.streams_of(consumer.events[0].filter_subject):
            place = f"{stream}.{consumer.durable}"
            yield f"$JS.API.CONSUMER.INFO.{place}"
            yield f"$JS.API.CONSUMER.MSG.NEXT.{place}"
            yield f"$JS.ACK.{place}.>"
            yield f"dlq.{place}"


def _subscribe(service: Service) -> Iterator[str]:
    yield f"_INBOX.{user_of(service)}.>"
    for verb in VERBS:
        subject = f"$SRV.{verb}"
        yield from (subject, f"{subject}.{service.name}", f"{subject}.{service.name}.*")
    for method in service.methods:
        # Whoever hears a request answers it: nobody may listen beside its queue group.
        yield f"{method.filter_subject} q.{service.domain}"
        if method.cache:
            yield from (event.filter_subject for event in method.cache.invalidated_by)
    if service.methods:
        prefix = service_prefix(service)
        yield from (f"{prefix}._cancel", f"{prefix}._i.*.*")
