"""`deploy/nats/jetstream.json`: the streams, consumers and key-value buckets to create."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.manifest import Manifest, Stream
from protoc_gen_nats.model import Bucket, Consumer, Schema, Service

__all__ = ["render"]


def render(schema: Schema, manifest: Manifest) -> Iterator[GeneratedFile]:
    """Renders the plan. Durations are in seconds, sizes in bytes; null is the server's default."""
    plan = {
        "streams": [_stream(stream) for stream in manifest.streams],
        "consumers": [
            _consumer(service, consumer, manifest)
            for service in schema.services
            for consumer in service.consumers
        ],
        "buckets": [
            _bucket(service, bucket, manifest)
            for service in schema.services
            for bucket in service.buckets
        ],
    }
    content = json.dumps(plan, indent=2, ensure_ascii=False) + "\n"
    yield GeneratedFile(path="deploy/nats/jetstream.json", content=content.encode())


def _stream(stream: Stream) -> dict[str, Any]:
    return {
        "name": stream.name,
        "description": stream.description,
        "subjects": list(stream.subjects),
        "retention": stream.retention,
        "storage": "file",
        "max_age_seconds": stream.max_age,
        "max_message_bytes": stream.max_message,
        "duplicate_window_seconds": stream.duplicate_window,
        "replicas": stream.replicas,
    }


def _consumer(service: Service, consumer: Consumer, manifest: Manifest) -> dict[str, Any]:
    defaults = manifest.consumer_defaults
    streams = manifest.streams_of(consumer.events[0].filter_subject)
    return {
        "stream": streams[0],
        "durable": consumer.durable,
        "service": service.name,
        "filter_subjects": [event.filter_subject for event in consumer.events],
        "ack_wait_seconds": consumer.ack_wait or defaults.ack_wait,
        "max_deliver": consumer.max_deliver or defaults.max_deliver,
        "max_ack_pending": consumer.max_ack_pending or defaults.max_ack_pending,
        "backoff_seconds": list(consumer.backoff or defaults.backoff),
    }


def _bucket(service: Service, bucket: Bucket, manifest: Manifest) -> dict[str, Any]:
    return {
        "name": bucket.name,
        "service": service.name,
        "description": bucket.description,
        "history": bucket.history,
        "ttl_seconds": bucket.ttl,
        "replicas": manifest.bucket_replicas,
    }
