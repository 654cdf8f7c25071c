"""Rules of what a deployment keeps: streams, durable consumers, buckets and permissions."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

from protoc_gen_nats import subjects
from protoc_gen_nats.comparing.findings import Affected, Finding
from protoc_gen_nats.comparing.reporting import Comparison
from protoc_gen_nats.comparing.snapshot import Snapshot
from protoc_gen_nats.errors import Place
from protoc_gen_nats.manifest import ConsumerDefaults, Stream
from protoc_gen_nats.model import Consumer, Service

__all__ = ["compare_deployment"]


def compare_deployment(comparison: Comparison) -> Iterator[Finding]:
    """Compares streams, and what the services of both states have on the server."""
    yield from _streams(comparison)
    for name, old in comparison.before.services.items():
        new = comparison.after.services.get(name)
        if new is not None:
            yield from _service(comparison, old, new)


def _streams(comparison: Comparison) -> Iterator[Finding]:
    before, after = comparison.before.manifest, comparison.after.manifest
    if before is None or after is None:
        return
    now = {stream.name: stream for stream in after.streams}
    for old in before.streams:
        new = now.get(old.name)
        changes: Iterable[tuple[str, str, Sequence[str]]] = [
            ("STREAM_REMOVED", "it is gone, and with it what it stores", old.subjects)
        ]
        if new is not None:
            changes = _of_stream(old, new)
        place = new.place if new else Place(after.path)
        for rule, text, patterns in changes:
            affected = _users_of(comparison.before, patterns)
            yield comparison.finding(rule, f"stream {old.name}", place, text, affected)


def _users_of(snapshot: Snapshot, patterns: Sequence[str]) -> Iterator[Affected]:
    """Who publishes or consumes events on some subjects."""
    for name, event in snapshot.events.items():
        if any(subjects.overlap(pattern, event.filter_subject) for pattern in patterns):
            yield from snapshot.publishers(name)
            yield from snapshot.consumers(name)


def _of_stream(old: Stream, new: Stream) -> Iterator[tuple[str, str, Sequence[str]]]:
    """The rules that are broken, what changed, and the subjects that it concerns."""
    lost = [
        pattern
        for pattern in old.subjects
        if not any(subjects.captures(wide, pattern) for wide in new.subjects)
    ]
    if lost:
        yield "STREAM_SUBJECT_REMOVED", f"it no longer captures {', '.join(lost)}", lost
    if old.retention != new.retention:
        text = (
            f"its retention was {old.retention}, and is {new.retention} now: a server does not"
            " change that of a stream that exists"
        )
        yield "STREAM_RETENTION_CHANGED", text, old.subjects
    for what, unit in (("max_age", "s"), ("max_message", "bytes"), ("duplicate_window", "s")):
        was, now = getattr(old, what), getattr(new, what)
        if (now or math.inf) < (was or math.inf):
            before = f"{was} {unit}" if was else "not given"
            text = f"its {what} was {before}, and is {now} {unit} now"
            yield "STREAM_LIMIT_LOWERED", text, old.subjects


def _service(comparison: Comparison, old: Service, new: Service) -> Iterator[Finding]:
    package = old.full_name.removesuffix(old.proto_name).removesuffix(".")
    for rule, element, text, affected in (
        *_consumers(comparison, old, new),
        *_buckets(old, new),
        *_publishes(comparison, old, new),
        *_calls(comparison, old, new),
    ):
        yield comparison.finding(rule, element, new.place, text, affected, package=package)


Row = tuple[str, str, str, list[Affected]]
"""A rule's name, the element, what changed, and whom it concerns."""


def _consumers(comparison: Comparison, old: Service, new: Service) -> Iterator[Row]:
    before = {consumer.durable: consumer for consumer in old.consumers}
    after = {consumer.durable: consumer for consumer in new.consumers}
    for durable in {**before, **after}:
        was, now = before.get(durable), after.get(durable)
        element, own = f"consumer {durable}", [Affected(new.full_name, "owner")]
        if now is None:
            text = (
                f"{new.full_name} no longer has it: where it got to is lost, and it stays on the"
                " server until somebody deletes it"
            )
            yield "CONSUMER_REMOVED", element, text, own
        elif was is None:
            text = f"{new.full_name} consumes {' and '.join(_names(now))} with it: create it first"
            yield "CONSUMER_ADDED", element, text, own
        else:
            if lost := [name for name in _names(was) if name not in _names(now)]:
                publishers = [one for name in lost for one in comparison.after.publishers(name)]
                text = f"{new.full_name} no longer receives {' and '.join(lost)}"
                yield "CONSUMER_EVENT_REMOVED", element, text, [*own, *publishers]
            for text in _lowered(comparison, was, now):
                yield "CONSUMER_LIMIT_LOWERED", element, text, own


def _lowered(comparison: Comparison, old: Consumer, new: Consumer) -> Iterator[str]:
    """What a consumer has less of, with what the manifests say for all of them. A state without a
    manifest has the defaults of the other one: they are no change."""
    before, after = comparison.before.manifest, comparison.after.manifest
    manifests = [one for one in (before or after, after or before) if one]
    first, last = [one.consumer_defaults for one in manifests] or [ConsumerDefaults()] * 2
    times = old.max_deliver or first.max_deliver, new.max_deliver or last.max_deliver
    if times[1] < times[0]:
        text = f"an event was delivered {times[0]} times, and is {times[1]} times now"
        yield f"{text}: what still fails then becomes a dead letter"
    waits = old.ack_wait or first.ack_wait, new.ack_wait or last.ack_wait
    if waits[1] < waits[0]:
        text = f"an instance could be silent about an event for {waits[0]:g} s"
        yield f"{text}, and can for {waits[1]:g} s now: then the event is delivered again"


def _names(consumer: Consumer) -> list[str]:
    return [event.ref.full_name for event in consumer.events]


def _buckets(old: Service, new: Service) -> Iterator[Row]:
    after = {bucket.name: bucket for bucket in new.buckets}
    own = [Affected(new.full_name, "owner")]
    for was in old.buckets:
        element = f"bucket {was.name}"
        now = after.get(was.name)
        if now is None:
            text = f"{new.full_name} no longer has it: what it holds is found by nobody"
            yield "BUCKET_REMOVED", element, text, own
            continue
        if now.history < was.history:
            text = f"it kept {was.history} revisions of a key, and keeps {now.history} now"
            yield "BUCKET_LIMIT_LOWERED", element, text, own
        if (now.ttl or math.inf) < (was.ttl or math.inf):
            before = f"for {was.ttl:g} s" if was.ttl else "until it was removed"
            text = f"a value was kept {before}, and is for {now.ttl:g} s now"
            yield "BUCKET_LIMIT_LOWERED", element, text, own


def _publishes(comparison: Comparison, old: Service, new: Service) -> Iterator[Row]:
    was = {event.ref.full_name for event in old.publishes}
    now = {event.ref.full_name for event in new.publishes}
    # An event that is gone is a finding of its own.
    for name in sorted((was - now) & comparison.after.events.keys()):
        if not new.publishes_any:
            text = f"it may no longer publish {name}: its instances that still do are refused"
            yield "PUBLISH_REMOVED", new.full_name, text, list(comparison.after.consumers(name))
    for name in sorted((now - was) & comparison.before.events.keys()):
        if not old.publishes_any:
            text = f"it publishes {name}: grant that before it is rolled out"
            yield "PUBLISH_ADDED", new.full_name, text, list(comparison.after.consumers(name))


def _calls(comparison: Comparison, old: Service, new: Service) -> Iterator[Row]:
    none: frozenset[str] = frozenset()
    was = comparison.before.callable.get(old.full_name, none)
    now = comparison.after.callable.get(new.full_name, none)
    if "*" not in new.calls:
        text = "it may no longer call {}: its instances that still do are refused"
        yield from _by_callee("CALL_REMOVED", new, (was - now) & comparison.after.methods, text)
    if "*" not in old.calls:
        added = {name for name in now - was if name.rpartition(".")[0] not in old.calls}
        text = "it calls {}: grant that before it is rolled out"
        yield from _by_callee("CALL_ADDED", new, added, text)


def _by_callee(rule: str, service: Service, methods: Collection[str], text: str) -> Iterator[Row]:
    callees: dict[str, list[str]] = {}
    for name in sorted(methods):
        callee, _, method = name.rpartition(".")
        callees.setdefault(callee, []).append(method)
    for callee, names in callees.items():
        label = f"{callee} ({', '.join(names)})"
        yield rule, service.full_name, text.format(label), [Affected(callee, "server")]
