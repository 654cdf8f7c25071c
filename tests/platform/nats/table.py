"""Who may do what on the servers, subject by subject, read off the options in the descriptors.

It shares nothing with the code that derives the permissions: that goes from each user to its
subjects, by the generator's own representation of the schemas. So one cannot repeat a mistake of
the other.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

import yaml
from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor

from protonats.v1 import options_pb2
from tests.platform.tools import ROOT

__all__ = ["Platform", "Probe", "Table"]

_TOOLS = ("operator", "deployer", "gateway", "monitor", "system")


@dataclass(frozen=True, order=True)
class Probe:
    """Something to try."""

    kind: str
    """What sort of a subject it is, for the table."""

    verb: str
    """`publish` or `subscribe`."""

    subject: str
    queue: str = ""


@dataclass
class Service:
    """A service, as its descriptor has it."""

    descriptor: ServiceDescriptor
    options: Any
    messages: Mapping[str, Descriptor]
    """All messages of its file."""

    @property
    def user(self) -> str:
        return self.options.name or _snake(self.descriptor.name.removesuffix("Service"))

    @property
    def prefix(self) -> str:
        version = self.descriptor.file.package.rpartition(".")[2]
        return f"svc.{self.options.domain}.{version}"

    @property
    def publishes(self) -> list[str]:
        declared = [m.full_name for m in self.messages.values() if _event(m).subject]
        return list(self.options.publishes) or declared

    def subject(self, method: MethodDescriptor) -> str:
        operation = _option(method, options_pb2.method).operation or _snake(method.name)
        return f"{self.prefix}.{re.sub(r'{[^}]*}', 'value', operation)}"


class Platform:
    """The services, events and streams of the platform."""

    def __init__(self) -> None:
        files = sorted((ROOT / "generated/python/bodybroker").rglob("*_pb2.py"))
        names = [
            ".".join(file.relative_to(ROOT / "generated/python").with_suffix("").parts)
            for file in files
        ]
        descriptors = [import_module(name).DESCRIPTOR for name in names]
        self.events = {
            message.full_name: _event(message)
            for file in descriptors
            for message in file.message_types_by_name.values()
            if _event(message).subject
        }
        self.services = {
            service.full_name: Service(
                service, _option(service, options_pb2.service), file.message_types_by_name
            )
            for file in descriptors
            for service in file.services_by_name.values()
        }
        manifest = yaml.safe_load((ROOT / "protonats.yaml").read_text())
        self.streams: Mapping[str, list[str]] = {
            name: settings["subjects"] for name, settings in manifest["streams"].items()
        }

    @cached_property
    def audited(self) -> set[str]:
        """The users whose calls leave records in the audit trail."""
        return {
            service.user
            for service in self.services.values()
            for method in service.descriptor.methods
            if _option(method, options_pb2.method).audit
        }

    def stream(self, event: str) -> str:
        """The stream that has an event."""
        subject = self.events[event].subject
        (found,) = (
            name
            for name, patterns in self.streams.items()
            if any(subject.startswith(pattern.removesuffix(">")) for pattern in patterns)
        )
        return found

    def on_wire(self, event: str) -> str:
        """A subject that an event is published to."""
        options = self.events[event]
        return f"{options.subject}.key" if options.key_field else str(options.subject)

    def callers(self, service: Service, method: MethodDescriptor) -> set[str]:
        """The users of the services that may call a method."""
        names = {service.descriptor.full_name, method.full_name}
        return {
            one.user
            for one in self.services.values()
            if names & set(one.options.calls) or ("*" in one.options.calls and one is not service)
        }


@dataclass
class Table:
    """Everything that is tried, and who may do it."""

    platform: Platform = field(default_factory=Platform)

    @property
    def users(self) -> list[str]:
        """Services first."""
        return [*self.services, *_TOOLS]

    @property
    def services(self) -> list[str]:
        """The users of the services."""
        return [service.user for service in self.platform.services.values()]

    @cached_property
    def allowed(self) -> Mapping[Probe, frozenset[str]]:
        """The users who may do it, for each probe; nobody else may."""
        found: dict[Probe, set[str]] = defaultdict(set)
        for kind, verb, subject, queue, users in self._rows():
            found[Probe(kind, verb, subject, queue)] |= users
        return {probe: frozenset(users) for probe, users in sorted(found.items())}

    def _rows(self) -> Iterator[tuple[str, str, str, str, set[str]]]:
        """Kind, verb, subject, queue group, users."""
        for kind, subject, publishers, subscribers in self._subjects():
            yield kind, "publish", subject, "", publishers
            yield kind, "subscribe", subject, "", subscribers
        for service in self.platform.services.values():
            queue = f"q.{service.options.domain}"
            for method in service.descriptor.methods:
                subject = service.subject(method)
                yield "methods", "subscribe", subject, queue, {service.user}
                yield "methods", "subscribe", subject, "q.foreign", set()
        yield from (("wide", "subscribe", subject, "", set()) for subject in self._wide())

    def _subjects(self) -> Iterator[tuple[str, str, set[str], set[str]]]:
        """Kind, subject, who may publish to it, who may subscribe to it without a queue group."""
        yield from self._calls()
        yield from self._inboxes()
        yield from self._discovery()
        yield from self._events()
        yield from self._buckets()
        yield from self._streams()
        yield from self._consumers()
        yield from self._administration()
        yield from self._nobodys()

    def _calls(self) -> Iterator[tuple[str, str, set[str], set[str]]]:
        for service in self.platform.services.values():
            anyone: set[str] = {"operator"}
            for method in service.descriptor.methods:
                callers = {*self.platform.callers(service, method), "operator"}
                if _option(method, annotations_pb2.http).WhichOneof("pattern"):
                    callers.add("gateway")
                anyone |= callers
                yield "methods", service.subject(method), callers, set()
                yield "strangers", f"{service.subject(method)}.more", set(), set()
            for rest in ("_cancel", f"_i.{16 * 'a'}.{32 * 'b'}"):
                yield "follow-ups", f"{service.prefix}.{rest}", anyone, {service.user}
            yield "strangers", f"{service.prefix}.no_such_method", set(), set()
            yield "strangers", f"{service.prefix}._other", set(), set()

    def _inboxes(self) -> Iterator[tuple[str, str, set[str], set[str]]]:
        for user in self.users:
            answering = {
                service.user
                for service in self.platform.services.values()
                if user == "operator"
                or any(
                    user in self.platform.callers(service, method)
                    for method in service.descriptor.methods
                )
            }
            yield "inboxes", f"_INBOX.{user}.{32 * 'c'}.{32 * 'd'}", answering, {user}
            yield "inboxes", f"_INBOX.{user}", set(), set()
            yield "inboxes", f"_INBOX.{user}x.a.b", set(), set()
        yield "inboxes", "_R_.abcdef.ghijkl", set(self.services), set()
        yield "inboxes", "_INBOX.abcdef", set(), set()

    def _discovery(self) -> Iterator[tuple[str, str, set[str], set[str]]]:
        asking = {"operator", "monitor"}
        for verb in ("PING", "INFO", "STATS"):
            yield "discovery", f"$SRV.{verb}", asking, set(self.services)
            for user in self.services:
                yield "discovery", f"$SRV.{verb}.{user}", asking, {user}
                yield "discovery", f"$SRV.{verb}.{user}.{16 * 'a'}", asking, {user}
        yield "discovery", "$SRV.OTHER", set(), set()

    def _events(self) -> Iterator[tuple[str, str, set[str], set[str]]]:
        services = self.platform.services.values()
        for event in self.platform.events:
            publishers = {s.user for s in services if {event, "*"} & set(s.publishes)}
            hearing = {
                s.user
                for s in services
                for method in s.descriptor.methods
                if event in _option(method, options_pb2.method).cache.invalidated_by
            }
            subject = self.platform.on_wire(event)
            yield "events", subject, publishers | {"operator"}, hearing | {"operator"}
            yield "strangers", f"{subject}.more", set(), set()
        yield "strangers", "evt.nobody.did.v1", set(), set()
        yield "strangers", "work.orchestration.step", set(), set()
        audited = self.platform.audited
        for service in services:
            domain, user = service.options.domain, service.user
            yield "audit", f"audit.{domain}.x", {user} & audited, set()
            yield "strangers", f"audit.{domain}.x.y", set(), set()

    def _buckets(self) -> Iterator[tuple[str, str, set[str], set[str]]]:
        for service in self.platform.services.values():
            for bucket in service.options.key_value:
                yield "buckets", f"$KV.{bucket.name}.a.b", {service.user}, set()

    def _streams(self) -> Iterator[tuple[str, str, set[str], set[str]]]:
        owners = {
            f"KV_{bucket.name}": service.user
            for service in self.platform.services.values()
            for bucket in service.options.key_value
        }
        for stream in (*self.platform.streams, *owners, "UNPLANNED"):
            planned = {"deployer"} if stream != "UNPLANNED" else set()
            owner = {owners[stream]} if stream in owners else set()
            of_events = stream in self.platform.streams
            rights = {
                "STREAM.INFO": {"operator"} | planned | owner,
                "STREAM.CREATE": planned,
                "STREAM.UPDATE": planned,
                "STREAM.DELETE": {"operator"},
                "STREAM.MSG.GET": owner,
                "STREAM.MSG.DELETE": {"operator"} if stream == "DLQ" else set(),
                "DIRECT.GET": {"operator"} if of_events else set(),
            }
            others = ("PURGE", "SNAPSHOT", "RESTORE", "PEER.REMOVE", "LEADER.STEPDOWN")
            rights |= {f"STREAM.{other}": set() for other in others}
            for verb, users in rights.items():
                yield "streams", f"$JS.API.{verb}.{stream}", users, set()
            yield "streams", f"$JS.API.DIRECT.GET.{stream}.evt.x", set(), set()
            counting = {"monitor"} if stream == "DLQ" else set()
            yield "streams", f"dead_letters.{stream}", counting, set()

    def _consumers(self) -> Iterator[tuple[str, str, set[str], set[str]]]:
        known: dict[tuple[str, str], str] = {}
        for service in self.platform.services.values():
            for consumer in service.options.consumes:
                known[self.platform.stream(consumer.events[0]), consumer.durable] = service.user
        for stream in self.platform.streams:
            for durable in (*(d for s, d in known if s == stream), "unplanned"):
                owner = {known[stream, durable]} if (stream, durable) in known else set()
                planned = {"deployer"} if owner else set()
                place = f"{stream}.{durable}"
                rights = {
                    "INFO": {"operator"} | planned | owner,
                    "CREATE": planned,
                    "DURABLE.CREATE": set[str](),
                    "DELETE": {"operator"},
                    "MSG.NEXT": owner,
                    "PAUSE": set[str](),
                    "UNPIN": set[str](),
                    "LEADER.STEPDOWN": set[str](),
                }
                for verb, users in rights.items():
                    yield "consumers", f"$JS.API.CONSUMER.{verb}.{place}", users, set()
                yield "consumers", f"$JS.API.CONSUMER.CREATE.{place}.evt.x", set(), set()
                yield "acknowledging", f"$JS.ACK.{place}.1.2.3.4.5", owner, set()
                yield "dead letters", f"dlq.{place}", owner, set()
            for verb in ("CREATE", "LIST", "NAMES"):
                yield "consumers", f"$JS.API.CONSUMER.{verb}.{stream}", set(), set()
        storing = {service.user for service in self.platform.services.values() if service.publishes}
        listing = {"operator", "deployer"}
        named = storing | set(known.values()) | self.platform.audited | listing
        yield "streams", "$JS.API.STREAM.NAMES", named, set()
        yield "streams", "$JS.API.STREAM.LIST", listing, set()
        yield "streams", "$JS.API.INFO", listing, set()

    def _administration(self) -> Iterator[tuple[str, str, set[str], set[str]]]:
        yield "servers", "$SYS.REQ.SERVER.PING", {"system"}, {"system"}
        yield "servers", "$SYS.REQ.ACCOUNT.SERVICES.CONNZ", {"system"}, {"system"}
        yield "servers", "$SYS.REQ.USER.INFO", {"operator", "system"}, {"system"}
        yield "servers", "$SYS.SERVER.X.STATSZ", set(), {"system"}
        yield "servers", "$JS.API.SERVER.REMOVE", {"system"}, set()
        yield "servers", "$JS.API.META.LEADER.STEPDOWN", {"system"}, set()
        yield "servers", "$JS.API.ACCOUNT.PURGE.SERVICES", set(), set()
        yield "servers", "$JS.EVENT.ADVISORY.STREAM.CREATED.X", set(), {"monitor"}
        yield "servers", "$JS.FC.x.y.z", set(), set()
        yield "servers", "$G.x", set(), set()

    def _nobodys(self) -> Iterator[tuple[str, str, set[str], set[str]]]:
        for subject in ("stray", "a.b.c", "svc", "svc.nobody.v1.do", "evt", "q.quest", "_x.y"):
            yield "strangers", subject, set(), set()

    def _wide(self) -> Iterator[str]:
        yield from (">", "*", "*.>", "svc.>", "*.*.*.*", "evt.>", "work.>", "audit.>", "dlq.>")
        yield from ("_INBOX.>", "_INBOX.*.>", "_R_.>", "$SRV.>", "$SRV.PING.>", "$KV.>", "$JS.>")
        yield from ("$JS.API.>", "$JS.ACK.>", "$JS.EVENT.>", "$>")
        for service in self.platform.services.values():
            yield from (f"{service.prefix}.>", f"{service.prefix}._i.>", f"{service.prefix}.*")


def _option(descriptor: Any, extension: Any) -> Any:
    return descriptor.GetOptions().Extensions[extension]


def _event(message: Descriptor) -> Any:
    return _option(message, options_pb2.event)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
