"""Rules of what runs between services: calls to nobody, calls in a circle, events from nobody."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.errors import Problem, Severity, did_you_mean
from protoc_gen_nats.graph import Graph
from protoc_gen_nats.model import Schema

__all__ = ["check_relations"]


def check_relations(schema: Schema) -> Iterator[Problem]:
    """Finds calls to what does not exist; warns of cycles of calls, and of consumers that wait for
    what no service publishes."""
    yield from _unknown_calls(schema)
    yield from _cycles(schema)
    yield from _unpublished_events(schema)


def _unknown_calls(schema: Schema) -> Iterator[Problem]:
    known = {service.full_name for service in schema.services}
    known.update(method.full_name for service in schema.services for method in service.methods)
    for service in schema.services:
        for name in service.calls:
            if name != "*" and name not in known:
                hint = did_you_mean(name, known)
                yield Problem(service.place, f"calls {name}, which does not exist: {hint}")


def _cycles(schema: Schema) -> Iterator[Problem]:
    for cycle in Graph.of(schema).cycles():
        text = (
            f"calls go in a circle, {cycle}: one slow service of it makes all wait, and none can be"
            " rolled out first; let one of them publish an event in place of a call"
        )
        yield Problem(cycle.calls[0].caller.place, text, Severity.WARNING)


def _unpublished_events(schema: Schema) -> Iterator[Problem]:
    if any(service.publishes_any for service in schema.services):
        return
    published = {e.ref.full_name for service in schema.services for e in service.publishes}
    for service in schema.services:
        for consumer in service.consumers:
            for event in consumer.events:
                if (name := event.ref.full_name) not in published:
                    text = (
                        f"consumer {consumer.durable!r} waits for {name}, which no service"
                        f' publishes: write publishes: "{name}" in the one that does'
                    )
                    yield Problem(service.place, text, Severity.WARNING)
