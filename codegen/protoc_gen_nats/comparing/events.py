"""Rules of events: on which subject they are published, and which stream stores them."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.comparing.findings import Finding
from protoc_gen_nats.comparing.reporting import Comparison
from protoc_gen_nats.comparing.snapshot import Snapshot
from protoc_gen_nats.model import Event

__all__ = ["compare_events"]

Change = tuple[str, str]


def compare_events(comparison: Comparison) -> Iterator[Finding]:
    """Compares the events that are in both states."""
    before, after = comparison.before, comparison.after
    for name, old in before.events.items():
        new = after.events.get(name)
        if new is None:
            continue
        package = name.removesuffix(f".{new.ref.qualname}")
        for rule, text in (*_of_event(comparison, old, new), *_streams(comparison, old, new)):
            affected = [
                *(one for side in (before, after) for one in side.consumers(name)),
                *(one for side in (before, after) for one in side.publishers(name)),
            ]
            yield comparison.finding(rule, name, new.place, text, affected, package=package)


def _of_event(comparison: Comparison, old: Event, new: Event) -> Iterator[Change]:
    if old.subject != new.subject:
        text = (
            f"its subject was {old.subject}, and is {new.subject} now: old consumers receive only"
            " what old publishers publish"
        )
        yield "EVENT_SUBJECT_CHANGED", text
    if _key(comparison.before, old) != _key(comparison.after, new):
        was, now = old.key_field or "none", new.key_field or "none"
        text = (
            f"the key in its subject was {was}, and is {now} now: what filters by it finds others"
        )
        yield "EVENT_KEY_CHANGED", text
    if old.durable and not new.durable:
        yield "EVENT_DURABILITY_LOWERED", "no stream stores it any more: who is away misses it"


def _key(snapshot: Snapshot, event: Event) -> str:
    """The field that is the key, by its number: consumers do not see its name."""
    return snapshot.numbers(event.ref.full_name, event.key_field) if event.key_field else ""


def _streams(comparison: Comparison, old: Event, new: Event) -> Iterator[Change]:
    before, after = comparison.before.manifest, comparison.after.manifest
    if before is None or after is None or not (old.durable and new.durable):
        return
    was, now = before.streams_of(old.filter_subject), after.streams_of(new.filter_subject)
    if was and now and was != now:
        text = (
            f"stream {was[0]} stored it, and {now[0]} does now: consumers begin there anew, and"
            f" what {was[0]} still holds reaches none of them"
        )
        yield "EVENT_STREAM_CHANGED", text
