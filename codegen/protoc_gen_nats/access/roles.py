"""The users that are no services: people, tools, the gateway, and what each of them may do."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Method, Schema, Service
from protoc_gen_nats.permissions import OPERATOR, VERBS, Permissions, service_prefix

__all__ = [
    "ADVISORIES",
    "DEPLOYER",
    "DISCOVERY",
    "GATEWAY",
    "MONITOR",
    "RESERVED",
    "SYSTEM",
    "counting",
    "dead_letters",
    "deployer_permissions",
    "gateway_permissions",
    "monitor_permissions",
    "operator_permissions",
    "routed",
    "system_permissions",
]

DEPLOYER = "deployer"
GATEWAY = "gateway"
MONITOR = "monitor"
SYSTEM = "system"

RESERVED = {
    OPERATOR: "people and the command line",
    DEPLOYER: "the one who creates streams, consumers and buckets",
    GATEWAY: "the HTTP gateway",
    MONITOR: "monitoring",
    SYSTEM: "the administration of the servers",
}
"""The users that no service may be called like, and whom they are for."""

DISCOVERY = tuple(f"$SRV.{verb}{rest}" for verb in VERBS for rest in ("", ".*", ".*.*"))
"""All that instances are asked by (ADR-32)."""

_STREAM_INFO = "$JS.API.STREAM.INFO."

ADVISORIES = "$JS.EVENT.ADVISORY.>"
"""What JetStream tells about streams and consumers."""


def routed(service: Service) -> tuple[Method, ...]:
    """The methods of a service that the gateway may call: those with HTTP routes."""
    return tuple(method for method in service.methods if method.http)


def gateway_permissions(schema: Schema) -> Permissions:
    """Calling the methods with HTTP routes."""
    calls = (subject for service in schema.services for subject in _calls(service, routed(service)))
    return Permissions.of(calls, [_inbox(GATEWAY)])


def operator_permissions(schema: Schema, manifest: Manifest) -> Permissions:
    """Calling everything, discovery, reading and publishing events, dead letters, and deleting what
    is no longer planned; no right to hear what is said to services, or to create anything."""
    return Permissions.of(_operating(schema, manifest), [_inbox(OPERATOR), *_events(schema)])


def _operating(schema: Schema, manifest: Manifest) -> Iterator[str]:
    for service in schema.services:
        yield from _calls(service, service.methods)
    yield from DISCOVERY
    yield from _events(schema)
    yield "$SYS.REQ.USER.INFO"
    yield from ("$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST")
    yield from ("$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.*.*")
    yield from ("$JS.API.STREAM.DELETE.*", "$JS.API.CONSUMER.DELETE.*.*")
    yield from (f"$JS.API.DIRECT.GET.{stream.name}" for stream in manifest.streams)
    yield from (f"$JS.API.STREAM.MSG.DELETE.{stream}" for stream in manifest.streams_of("dlq.>"))


def deployer_permissions(schema: Schema, manifest: Manifest) -> Permissions:
    """Creating and updating the streams, consumers and buckets that are planned, and no others;
    deleting none."""
    return Permissions.of(_deploying(schema, manifest), [_inbox(DEPLOYER)])


def _deploying(schema: Schema, manifest: Manifest) -> Iterator[str]:
    yield from ("$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST")
    buckets = [bucket for service in schema.services for bucket in service.buckets]
    streams = [stream.name for stream in manifest.streams]
    for stream in (*streams, *(f"KV_{bucket.name}" for bucket in buckets)):
        yield from (f"$JS.API.STREAM.{verb}.{stream}" for verb in ("CREATE", "INFO", "UPDATE"))
    for service in schema.services:
        for consumer in service.consumers:
            for stream in manifest.streams_of(consumer.events[0].filter_subject):
                place = f"{stream}.{consumer.durable}"
                yield from (f"$JS.API.CONSUMER.{verb}.{place}" for verb in ("CREATE", "INFO"))


def monitor_permissions(manifest: Manifest) -> Permissions:
    """Asking instances how they are, hearing what JetStream tells about itself, and counting dead
    letters; no right to read one."""
    return Permissions.of(
        [*DISCOVERY, *map(counting, dead_letters(manifest))], [_inbox(MONITOR), ADVISORIES]
    )


def dead_letters(manifest: Manifest) -> tuple[str, ...]:
    """How the number of dead letters is asked for."""
    return tuple(f"{_STREAM_INFO}{stream}" for stream in manifest.streams_of("dlq.>"))


def counting(subject: str) -> str:
    """What one of `dead_letters` is called in the account of monitoring: below `$JS.API` an account
    gets answers about its own streams, and this one has none."""
    return f"dead_letters.{subject.removeprefix(_STREAM_INFO)}"


def system_permissions() -> Permissions:
    """What the account of the servers is for: their state, and how they are administrated."""
    publish = ("$SYS.REQ.>", "$JS.API.SERVER.REMOVE", "$JS.API.META.LEADER.STEPDOWN")
    return Permissions.of(publish, [_inbox(SYSTEM), "$SYS.>"])


def _calls(service: Service, methods: tuple[Method, ...]) -> Iterator[str]:
    """What calling these methods takes."""
    if methods:
        prefix = service_prefix(service)
        yield from (method.filter_subject for method in methods)
        yield from (f"{prefix}._cancel", f"{prefix}._i.*.*")


def _events(schema: Schema) -> Iterator[str]:
    yield from (event.filter_subject for file in schema.files for event in file.events)


def _inbox(user: str) -> str:
    return f"_INBOX.{user}.>"
