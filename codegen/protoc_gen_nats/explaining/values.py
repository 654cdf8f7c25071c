"""What a service, a method, an event or a schema turns into, as a value that JSON can hold.

Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from protoc_gen_nats.errors import Place
from protoc_gen_nats.explaining.targets import Target
from protoc_gen_nats.graph import Graph
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Consumer, Event, File, Idempotency, Method, Schema, Service
from protoc_gen_nats.permissions import permissions_of, user_of
from protoc_gen_nats.project.lock import OWNED
from protoc_gen_nats.targets.scaffold import implementation_class, implementation_module

__all__ = ["Explainer"]


class Explainer:
    """Explains the parts of a project."""

    def __init__(self, schema: Schema, manifest: Manifest, folders: Mapping[str, str]) -> None:
        """
        Args:
            schema: All schemas.
            manifest: The manifest of the project.
            folders: In which folder of the project each schema is, by its path.
        """
        self._schema = schema
        self._folders = folders
        self._manifest = manifest
        self._graph = Graph.of(schema)

    def explain(self, target: Target) -> dict[str, Any]:
        """What a target turns into; `kind` says what it is."""
        match target:
            case Service():
                return self.service(target)
            case Method():
                return self.method(target)
            case Event():
                return self.event(target)
            case File():
                return self.file(target)

    def service(self, service: Service) -> dict[str, Any]:
        """Subjects, dependencies, permissions and files of a service."""
        file = next(one for one in self._schema.files if service in one.services)
        allowed = permissions_of(service, self._schema, self._graph, self._manifest)
        calls = [call for call in self._graph.calls if call.caller is service]
        return {
            "kind": "service",
            "name": service.name,
            "full_name": service.full_name,
            "version": service.version,
            "description": service.description,
            "schema": self._path(file.path),
            "queue_group": f"q.{service.domain}",
            "methods": [self.method(method) for method in service.methods],
            "calls_anything": "*" in service.calls,
            "calls": [
                f"{user_of(call.callee)}.{method.name}"
                for call in calls
                if not call.wildcard
                for method in call.methods
            ],
            "called_by": self._callers(service),
            "publishes_anything": service.publishes_any,
            "publishes": [self.event(event) for event in service.publishes],
            "consumes": [self._consumer(consumer) for consumer in service.consumers],
            "buckets": [asdict(bucket) for bucket in service.buckets],
            "permissions": {"publish": allowed.publish, "subscribe": allowed.subscribe},
            "runs": f"{implementation_module(service)}:{implementation_class(service)}",
            "files": [
                *self._files(file),
                f"{implementation_module(service).replace('.', '/')}.py",
            ],
        }

    def method(self, method: Method) -> dict[str, Any]:
        """How a method is reached, and what happens when a call of it fails."""
        optional = {
            "hedging": method.hedging,
            "idempotency": method.idempotency,
            "concurrency": method.concurrency,
        }
        cache = method.cache and {
            **asdict(method.cache),
            "invalidated_by": [event.ref.full_name for event in method.cache.invalidated_by],
        }
        return {
            "kind": "method",
            "name": method.name,
            "full_name": method.full_name,
            "call": method.kind.value,
            "request": method.request.full_name,
            "response": method.response.full_name,
            "subject": method.subject,
            "instances_subscribe_to": method.filter_subject,
            "timeout": method.timeout,
            "idempotency_level": method.idempotency_level.value,
            "retried_when": retried_when(method),
            "retry": asdict(method.retry),
            **{name: asdict(policy) for name, policy in optional.items() if policy is not None},
            **({"cache": cache} if cache else {}),
            "http": [f"{rule.verb} {rule.path}" for rule in method.http],
            "called_by": self._callers(method),
            "client": method.python_name,
            "place": self._place(method.place),
        }

    def event(self, event: Event) -> dict[str, Any]:
        """Where an event goes, and who gets it."""
        name = event.ref.full_name
        return {
            "kind": "event",
            "name": event.name,
            "full_name": name,
            "subject": event.filter_subject,
            "key_field": event.key_field,
            "durable": event.durable,
            "stream": self._stream(event),
            "published_by": [
                user_of(service)
                for service in self._graph.services
                if any(one.ref.full_name == name for one in service.publishes)
            ],
            "consumed_by": [
                {"service": user_of(service), "consumer": consumer.durable}
                for service in self._graph.services
                for consumer in service.consumers
                if any(one.ref.full_name == name for one in consumer.events)
            ],
            "invalidates": [
                method.full_name
                for service in self._graph.services
                for method in service.methods
                if method.cache
                and any(one.ref.full_name == name for one in method.cache.invalidated_by)
            ],
            "place": self._place(event.place),
        }

    def file(self, file: File) -> dict[str, Any]:
        """What a schema holds, and what is generated of it."""
        return {
            "kind": "schema",
            "path": self._path(file.path),
            "module": file.module,
            "services": [self.service(service) for service in file.services],
            "messages": [message.ref.full_name for message in file.messages],
            "events": [event.ref.full_name for event in file.events],
            "files": self._files(file),
        }

    def _consumer(self, consumer: Consumer) -> dict[str, Any]:
        defaults = self._manifest.consumer_defaults
        stream = self._stream(consumer.events[0])
        return {
            "consumer": consumer.durable,
            "stream": stream,
            "events": [event.ref.full_name for event in consumer.events],
            "subjects": [event.filter_subject for event in consumer.events],
            "dead_letters": f"dlq.{stream}.{consumer.durable}",
            "ack_wait": consumer.ack_wait or defaults.ack_wait,
            "max_deliver": consumer.max_deliver or defaults.max_deliver,
            "max_ack_pending": consumer.max_ack_pending or defaults.max_ack_pending,
            "backoff": consumer.backoff or defaults.backoff,
        }

    def _callers(self, callee: Service | Method) -> list[dict[str, Any]]:
        return [
            {"service": user_of(call.caller), "by_wildcard": call.wildcard}
            for call in self._graph.callers_of(callee)
        ]

    def _stream(self, event: Event) -> str | None:
        if not event.durable:
            return None
        return next(iter(self._manifest.streams_of(event.filter_subject)), None)

    def _path(self, path: str) -> str:
        """The path of a schema from the project's root."""
        return f"{self._folders[path]}/{path}" if path in self._folders else path

    def _place(self, place: Place) -> str:
        return str(replace(place, path=self._path(place.path)))

    def _files(self, file: File) -> list[str]:
        base = f"{OWNED}/python/{file.module.replace('.', '/')}"
        files = [f"{base}.py", f"{base}.pyi"]
        if file.services:
            files.append(f"{OWNED}/python/{file.nats_module.replace('.', '/')}.py")
        return files


def retried_when(method: Method) -> str:
    """When a client makes a failed call again."""
    if method.retry.max_attempts == 1:
        return "never"
    if method.idempotency_level is Idempotency.UNKNOWN and method.idempotency is None:
        return "no instance has seen the request"
    if method.idempotency_level is Idempotency.UNKNOWN:
        return "no instance has seen the request; it failed, and has an idempotency key"
    return "it failed as unavailable, or an attempt got no answer"
