"""Rules between schemas and manifest: every event has one stream, no stream listens to calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protoc_gen_nats import subjects
from protoc_gen_nats.errors import Problem
from protoc_gen_nats.manifest import Manifest, Stream
from protoc_gen_nats.model import Consumer, Event, Method, Schema
from protoc_gen_nats.rules.schema_set import events_of

__all__ = ["check_streams"]

_CALLS = {
    "svc.*.*.>": "calls",
    "_INBOX.*.>": "answers to calls",
    "$SRV.>": "discovery",
    "$JS.>": "JetStream's own interface",
}
"""Subjects on which somebody waits for an answer, and what they are for. A stream that captures one
acknowledges the message, and the caller takes that for the answer."""


def check_streams(schema: Schema, manifest: Manifest) -> Iterator[Problem]:
    """Finds events that no stream or several streams capture, or one that should not; streams that
    capture calls; consumers whose events lie in several streams; dead letters and audit records
    that nothing would store."""
    for event in events_of(schema):
        if wrong := _problem_of_event(event, manifest):
            yield Problem(event.place, f"event {event.ref.full_name}: {wrong}")
    methods = [method for service in schema.services for method in service.methods]
    for stream in manifest.streams:
        if wrong := _problem_of_stream(stream, methods):
            yield Problem(stream.place, f"stream {stream.name} captures {wrong}")
    for service in schema.services:
        for method in service.methods:
            records = f"audit.{service.domain}.*"
            if method.audit and (wrong := _problem_of_subject(records, manifest)):
                text = (
                    f"method {method.full_name}: {wrong} its audit records {records}: write a"
                    f" stream with the subject audit.> in {manifest.path}"
                )
                yield Problem(method.place, text)
        for consumer in service.consumers:
            if wrong := _problem_of_consumer(consumer, manifest):
                yield Problem(service.place, wrong)


def _problem_of_event(event: Event, manifest: Manifest) -> str:
    subject = event.filter_subject
    if event.durable:
        if wrong := _problem_of_subject(subject, manifest):
            return (
                f"{wrong} its subject {subject}: name it in exactly one stream of {manifest.path}"
            )
        return ""
    if names := manifest.streams_of(subject):
        return (
            f"its durability is DURABILITY_NONE, and stream {names[0]} of {manifest.path} stores"
            f" its subject {subject}: take away the durability, or write a subject that the stream"
            " does not capture"
        )
    return ""


def _problem_of_stream(stream: Stream, methods: Sequence[Method]) -> str:
    patterns = [one for one in stream.subjects if subjects.overlap(one, "svc.>")]
    captured = [
        method
        for method in methods
        if any(subjects.overlap(pattern, method.filter_subject) for pattern in patterns)
    ]
    if captured:
        first, more = captured[0], len(captured) - 1
        others = f" and of {more} more" if more else ""
        return (
            f"{first.filter_subject} of method {first.full_name}{others}, and would answer in its"
            " place: take it out of the stream's subjects"
        )
    for pattern in stream.subjects:
        for reserved, use in _CALLS.items():
            if subjects.overlap(pattern, reserved):
                return (
                    f"{use} ({reserved}) with its subject {pattern}, and would answer in their"
                    " place: take it out of the stream's subjects"
                )
    return ""


def _problem_of_consumer(consumer: Consumer, manifest: Manifest) -> str:
    label = f"consumer {consumer.durable!r}"
    homes = {n for e in consumer.events for n in manifest.streams_of(e.filter_subject)}
    if len(homes) > 1:
        streams = " and ".join(sorted(homes))
        return f"{label} has events of the streams {streams}: write one consumer for each stream"
    if homes:
        # Where the messages go that it could not handle (section 11 of the wire protocol).
        dead_letters = f"dlq.{next(iter(homes))}.{consumer.durable}"
        if wrong := _problem_of_subject(dead_letters, manifest):
            return (
                f"{label}: {wrong} its dead letters {dead_letters}: write a stream with the subject"
                f" dlq.> in {manifest.path}"
            )
    return ""


def _problem_of_subject(subject: str, manifest: Manifest) -> str:
    """What is wrong with the streams that capture a subject, or an empty text."""
    names = manifest.streams_of(subject)
    if len(names) > 1:
        return f"the streams {' and '.join(names)} capture"
    if not names:
        return "no stream captures"
    (stream,) = (stream for stream in manifest.streams if stream.name == names[0])
    if not any(subjects.captures(pattern, subject) for pattern in stream.subjects):
        return f"the stream {stream.name} captures only a part of"
    return ""
