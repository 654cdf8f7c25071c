"""Rules between schemas and manifest: every event has one stream, no stream listens to calls."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats import subjects
from protoc_gen_nats.errors import Problem
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Consumer, Schema
from protoc_gen_nats.rules.schema_set import events_of

__all__ = ["check_streams"]


def check_streams(schema: Schema, manifest: Manifest) -> Iterator[Problem]:
    """Finds events that no stream or several streams capture, streams that capture calls,
    consumers whose events lie in several streams, and dead letters that nothing would store."""
    for event in events_of(schema):
        if not event.durable:
            continue
        if wrong := _problem_of_event(event.filter_subject, manifest):
            text = (
                f"event {event.ref.full_name}: {wrong} its subject {event.filter_subject}:"
                f" name it in exactly one stream of {manifest.path}"
            )
            yield Problem(event.place, text)
    for service in schema.services:
        for method in service.methods:
            for stream in manifest.streams:
                if any(subjects.overlap(s, method.filter_subject) for s in stream.subjects):
                    text = (
                        f"stream {stream.name} captures {method.filter_subject} of method"
                        f" {method.full_name}, and would answer in its place: take it out of"
                        " the stream's subjects"
                    )
                    yield Problem(stream.place, text)
        for consumer in service.consumers:
            homes = {n for e in consumer.events for n in manifest.streams_of(e.filter_subject)}
            if len(homes) > 1:
                text = (
                    f"consumer {consumer.durable!r} has events of the streams"
                    f" {' and '.join(sorted(homes))}: write one consumer for each stream"
                )
                yield Problem(service.place, text)
            elif homes and (wrong := _problem_of_event(_dead_letters(consumer, homes), manifest)):
                text = (
                    f"consumer {consumer.durable!r}: {wrong} its dead letters"
                    f" {_dead_letters(consumer, homes)}: write a stream with the subject dlq.> in"
                    f" {manifest.path}"
                )
                yield Problem(service.place, text)


def _dead_letters(consumer: Consumer, homes: set[str]) -> str:
    """Where the messages go that a consumer could not handle (section 8 of the wire protocol)."""
    (stream,) = homes
    return f"dlq.{stream}.{consumer.durable}"


def _problem_of_event(subject: str, manifest: Manifest) -> str:
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
