"""Rules over a set of schemas: what no single schema can get wrong by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from protoc_gen_nats.errors import Place, Problem
from protoc_gen_nats.model import Event, Schema, Service
from protoc_gen_nats.naming import snake_case, version_of_package
from protoc_gen_nats.rules.relations import check_relations

__all__ = ["check_complete", "check_subjects", "events_of"]


def check_subjects(schema: Schema) -> Iterator[Problem]:
    """Finds subjects that two methods, or two events, would share."""
    claims = [
        _Claim(method.filter_subject, f"method {method.full_name}", method.place)
        for service in schema.services
        for method in service.methods
    ]
    claims.extend(
        _Claim(event.filter_subject, f"event {event.ref.full_name}", event.place)
        for event in events_of(schema)
    )
    for first, second in _overlapping(claims):
        text = (
            f"{second.owner} has the subject {second.subject}, which overlaps with {first.subject}"
            f" of {first.owner}: write another operation, domain or subject"
        )
        yield Problem(second.place, text)


@dataclass(frozen=True, slots=True)
class _Claim:
    subject: str
    owner: str
    place: Place


def _overlapping(claims: Iterable[_Claim]) -> Iterator[tuple[_Claim, _Claim]]:
    """Pairs of claims whose subjects overlap, the earlier one first."""
    root = _Node()
    for claim in claims:
        parts = claim.subject.split(".")
        for other in root.overlapping(parts):
            yield other, claim
        root.add(parts, claim)


class _Node:
    """Claims by the tokens of their subjects, so that few of many have to be looked at."""

    def __init__(self) -> None:
        self._next: dict[str, _Node] = {}
        self._claims: list[_Claim] = []

    def add(self, parts: list[str], claim: _Claim) -> None:
        """Adds a claim whose subject goes on from here with some tokens."""
        node = self
        for part in parts:
            node = node._next.setdefault(part, _Node())
        node._claims.append(claim)

    def overlapping(self, parts: list[str]) -> Iterator[_Claim]:
        """The claims below that overlap with a subject that goes on with some tokens."""
        if not parts:
            yield from self._claims
        elif parts[0] == "*":
            for node in self._next.values():
                yield from node.overlapping(parts[1:])
        else:
            for part in (parts[0], "*"):
                if part in self._next:
                    yield from self._next[part].overlapping(parts[1:])


def check_complete(schema: Schema) -> Iterator[Problem]:
    """Finds what only the whole system shows: names that two services share, and relations between
    services that lead nowhere or in a circle."""
    services = schema.services
    yield from check_relations(schema)
    for service, owner, _ in _claimed_twice((s.package.casefold(), s) for s in services):
        text = (
            f"{service.full_name} has the name and version of {owner.full_name},"
            f" {service.name!r}: let the older one keep its names, which callers know, and write"
            f" option (protonats.v1.service) = {{{_own_names(service, owner)}}} or the like into"
            " the newer one"
        )
        yield Problem(service.place, text)
    yield from _shared(
        ((consumer.durable, s) for s in services for consumer in s.consumers),
        "has a consumer with the durable name of one of",
    )
    yield from _shared(
        ((bucket.name, s) for s in services for bucket in s.buckets),
        "has a key-value bucket with the name of one of",
    )


def _shared(claims: Iterable[tuple[str, Service]], label: str) -> Iterator[Problem]:
    for service, owner, name in _claimed_twice(claims):
        text = f"{service.full_name} {label} {owner.full_name}, {name!r}: rename it"
        yield Problem(service.place, text)


def _claimed_twice(
    claims: Iterable[tuple[str, Service]],
) -> Iterator[tuple[Service, Service, str]]:
    """Services that claim a name of another one, that one, and the name."""
    owners: dict[str, Service] = {}
    for name, service in claims:
        owner = owners.setdefault(name, service)
        if owner is not service:
            yield service, owner, name


def _own_names(service: Service, other: Service) -> str:
    """Options that give a service a name of its own, and a domain where it shares that too, as
    `Foo` and `FooService` of one package do.

    They are advised, not assumed: a default that depended on the neighbours would move the subjects
    of a service when another one is added, and its callers would reach nobody.
    """
    if service.domain != other.domain:
        return f'name: "{service.domain.replace(".", "_")}"'
    name = snake_case(service.proto_name).strip("_")
    package = service.full_name.removesuffix(service.proto_name).removesuffix(".")
    stem = version_of_package(package).stem
    return f'domain: "{f"{stem}.{name}" if stem else name}" name: "{name}"'


def events_of(schema: Schema) -> list[Event]:
    """Every event that a schema declares, or some service publishes or consumes, once."""
    events = {event.ref.full_name: event for file in schema.files for event in file.events}
    for service in schema.services:
        for event in service.publishes:
            events.setdefault(event.ref.full_name, event)
        for consumer in service.consumers:
            for event in consumer.events:
                events.setdefault(event.ref.full_name, event)
    return list(events.values())
