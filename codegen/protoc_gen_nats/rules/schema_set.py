"""Rules over a set of schemas: what no single schema can get wrong by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from protoc_gen_nats import subjects
from protoc_gen_nats.errors import Place, Problem, did_you_mean
from protoc_gen_nats.model import Event, Schema, Service

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


def _overlapping(claims: list[_Claim]) -> Iterator[tuple[_Claim, _Claim]]:
    """Pairs of claims whose subjects overlap: equal ones by look-up, wildcards pair by pair."""
    plain: dict[str, _Claim] = {}
    wild: list[_Claim] = []
    for claim in claims:
        if "*" in claim.subject:
            wild.append(claim)
        elif claim.subject in plain:
            yield plain[claim.subject], claim
        else:
            plain[claim.subject] = claim
    for index, claim in enumerate(wild):
        for other in (*plain.values(), *wild[:index]):
            if subjects.overlap(claim.subject, other.subject):
                yield other, claim


def check_complete(schema: Schema) -> Iterator[Problem]:
    """Finds what only the whole system shows: calls to nobody, names that two services share."""
    services = schema.services
    callable_names = {service.full_name for service in services}
    callable_names.update(m.full_name for service in services for m in service.methods)
    for service in services:
        for name in service.calls:
            if name != "*" and name not in callable_names:
                hint = did_you_mean(name, callable_names)
                yield Problem(service.place, f"calls {name}, which does not exist: {hint}")
    yield from _shared(
        ((s.package.casefold(), s) for s in services),
        "has the name and version of",
    )
    yield from _shared(
        ((consumer.durable, s) for s in services for consumer in s.consumers),
        "has a consumer with the durable name of one of",
    )
    yield from _shared(
        ((bucket.name, s) for s in services for bucket in s.buckets),
        "has a key-value bucket with the name of one of",
    )


def _shared(claims: Iterable[tuple[str, Service]], label: str) -> Iterator[Problem]:
    owners: dict[str, Service] = {}
    for name, service in claims:
        owner = owners.setdefault(name, service)
        if owner is not service:
            text = f"{service.full_name} {label} {owner.full_name}, {name!r}: rename it"
            yield Problem(service.place, text)


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
