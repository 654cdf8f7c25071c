"""`docs/asyncapi/<service>.json`: RPC and events in AsyncAPI 3.0, one document for each service.

A channel is a subject. Its `{parameters}` are fields of the message. A service has an operation for
each method that it answers or calls, and for each event that it publishes or consumes. Payloads are
described in protobuf's JSON mapping; on the wire they are binary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from protoc_gen_nats import subjects
from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.graph import Call, Graph
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Event, Method, Schema, Service, TypeRef
from protoc_gen_nats.targets.json_documents import comment_fields, json_file
from protoc_gen_nats.targets.json_schema import STATUS, SchemaComponents
from protoc_gen_nats.targets.type_index import TypeIndex

__all__ = ["events_of", "path_of", "plan"]

_Object = dict[str, Any]

_EVENT_HEADERS: _Object = {
    "type": "object",
    "required": ["Nats-Msg-Id", "Pn-Event"],
    "properties": {
        "Nats-Msg-Id": {
            "type": "string",
            "description": "The id of the event: the stream drops a second one with the same id.",
        },
        "Pn-Event": {
            "type": "string",
            "description": "`01-` and the full name of the message.",
        },
        "traceparent": {"type": "string", "description": "W3C Trace Context."},
    },
}
_STATUS_HEADERS: _Object = {
    "type": "object",
    "required": ["Nats-Service-Error-Code", "Nats-Service-Error"],
    "properties": {
        "Nats-Service-Error-Code": {
            "type": "string",
            "pattern": "^([1-9]|1[0-6])$",
            "description": "The number of a `google.rpc.Code`.",
        },
        "Nats-Service-Error": {"type": "string", "description": "What went wrong, for people."},
    },
}
_NOTE = """\
Messages are serialized protobuf; their schemas here are in protobuf's JSON mapping. A call that \
fails is answered with a `google.rpc.Status`. A request names an inbox as its reply subject."""


def plan(schema: Schema, manifest: Manifest) -> Iterator[PlannedFile]:
    """Plans the documents of all services that have methods or events."""
    types, graph = TypeIndex(schema), Graph.of(schema)
    calls: dict[str, list[Call]] = {}
    for call in graph.calls:
        # What only a wildcard allows is no fact about the two services.
        if not call.wildcard:
            calls.setdefault(call.caller.full_name, []).append(call)
    files = {service.full_name: file for file in schema.files for service in file.services}
    for service in schema.services:
        made = calls.get(service.full_name, [])
        events = events_of(service)
        if service.methods or made or events:
            path = path_of(service)
            declared = [file for event in events if (file := types.file(event.ref))]
            names = [service.full_name, *(call.callee.full_name for call in made)]
            yield PlannedFile(
                path=path,
                render=partial(_render, service, made, types, manifest),
                files=tuple(
                    {f.path: f for f in (*map(files.__getitem__, names), *declared)}.values()
                ),
            )


def path_of(service: Service) -> str:
    """Where the document of a service is."""
    return f"docs/asyncapi/{service.package}.json"


def events_of(service: Service) -> list[Event]:
    """What a service publishes by type, and what it consumes, each once."""
    events = {event.ref.full_name: event for event in service.publishes}
    for consumer in service.consumers:
        events |= {event.ref.full_name: event for event in consumer.events}
    return list(events.values())


def _render(
    service: Service, calls: Iterable[Call], types: TypeIndex, manifest: Manifest
) -> GeneratedFile:
    document = _Document(service, calls, types, manifest)
    return json_file(path_of(service), document.value())


class _Document:
    """Collects channels, operations and messages of a service."""

    def __init__(
        self, service: Service, calls: Iterable[Call], types: TypeIndex, manifest: Manifest
    ) -> None:
        self._service = service
        self._manifest = manifest
        self._components = SchemaComponents(types)
        self._messages: _Object = {}
        self._operations: _Object = {}
        self._channels: _Object = {}
        for event in events_of(service):
            self._event(event)
        for method in service.methods:
            self._answered(method)
        self._events_of(service)
        for call in calls:
            for method in call.methods:
                self._call(call, method)

    def value(self) -> _Object:
        """The document."""
        service = self._service
        environments = self._manifest.environments or ("nats",)
        return {
            "asyncapi": "3.0.0",
            "info": {
                "title": service.full_name,
                "version": service.version,
                "description": f"{service.comment or service.description}\n\n{_NOTE}",
                "tags": [{"name": service.name, "description": service.description}],
            },
            "defaultContentType": "application/protobuf",
            "servers": {name: _server(name) for name in environments},
            "channels": self._channels,
            "operations": self._operations,
            "components": {"messages": self._messages, "schemas": self._components.all()},
        }

    def _message(self, type_: TypeRef) -> _Object:
        """A reference to a message."""
        name = type_.full_name
        if name not in self._messages:
            message = self._components.message(type_)
            self._messages[name] = {
                "name": name,
                "title": type_.qualname,
                **comment_fields(message.comment if message else ""),
                "contentType": f'application/protobuf; messageType="{name}"',
                "payload": self._components.reference(type_),
            }
        return {"$ref": f"#/components/messages/{name}"}

    def _status(self) -> _Object:
        self._messages.setdefault(
            STATUS,
            {
                "name": STATUS,
                "title": "Status",
                "summary": "Why the call failed.",
                "contentType": f'application/protobuf; messageType="{STATUS}"',
                "headers": _STATUS_HEADERS,
                "payload": self._components.status(),
            },
        )
        return {"$ref": f"#/components/messages/{STATUS}"}

    def _event(self, event: Event) -> None:
        name = event.ref.full_name
        channel: _Object = {
            "address": event.subject,
            "title": event.name,
            **comment_fields(event.comment),
            "messages": {name: self._message(event.ref)},
        }
        if event.key_field:
            parameter, parameters = self._parameter(event.ref, event.key_field)
            channel |= {"address": f"{event.subject}.{{{parameter}}}", "parameters": parameters}
        self._messages[name]["headers"] = _EVENT_HEADERS
        streams = self._manifest.streams_of(event.filter_subject) if event.durable else []
        channel["x-protonats-stream"] = streams[0] if streams else None
        self._channels[name] = channel

    def _method(self, callee: Service, method: Method) -> None:
        """The channels of a method."""
        name = method.full_name
        channel: _Object = {
            "address": method.subject,
            "title": name.removeprefix(callee.full_name.rpartition(".")[0] + "."),
            **comment_fields(method.comment),
            "messages": {method.request.full_name: self._message(method.request)},
        }
        parameters: _Object = {}
        for field in subjects.parameters(method.subject):
            parameter, described = self._parameter(method.request, field)
            channel["address"] = channel["address"].replace(f"{{{field}}}", f"{{{parameter}}}")
            parameters |= described
        if parameters:
            channel["parameters"] = parameters
        self._channels[name] = channel
        self._channels[f"{name}.reply"] = {
            "address": None,
            "title": f"Reply to {channel['title']}",
            "description": "The inbox that the request names as its reply subject.",
            "messages": {
                method.response.full_name: self._message(method.response),
                STATUS: self._status(),
            },
        }

    def _answered(self, method: Method) -> None:
        service = self._service
        self._method(service, method)
        self._operations[method.full_name] = {
            "action": "receive",
            **comment_fields(method.comment),
            **self._exchange(method),
            "tags": [{"name": service.name}],
            "bindings": {"nats": {"queue": f"q.{service.domain}", "bindingVersion": "0.1.0"}},
            "x-protonats-kind": method.kind.value,
            "x-protonats-timeout-seconds": method.timeout,
            "x-protonats-idempotency": method.idempotency_level.value,
        }

    def _call(self, call: Call, method: Method) -> None:
        caller = call.caller
        self._method(call.callee, method)
        self._operations[f"{caller.full_name}.calls.{method.full_name}"] = {
            "action": "send",
            "summary": f"{caller.name} calls {method.full_name}.",
            **self._exchange(method),
            "tags": [{"name": caller.name}],
        }

    def _exchange(self, method: Method) -> _Object:
        """The request and the reply of an operation."""
        channel, reply = _channel(method.full_name), _channel(f"{method.full_name}.reply")
        return {
            "channel": {"$ref": channel},
            "messages": [_message_of(channel, method.request.full_name)],
            "reply": {
                "channel": {"$ref": reply},
                "messages": [
                    _message_of(reply, method.response.full_name),
                    _message_of(reply, STATUS),
                ],
            },
        }

    def _events_of(self, service: Service) -> None:
        for event in service.publishes:
            self._operations[f"{service.full_name}.publishes.{event.ref.full_name}"] = {
                "action": "send",
                "summary": f"{service.name} publishes {event.name}.",
                **_one_message(event),
                "tags": [{"name": service.name}],
            }
        for consumer in service.consumers:
            for event in consumer.events:
                self._operations[f"{service.full_name}.consumes.{event.ref.full_name}"] = {
                    "action": "receive",
                    "summary": f"{service.name} consumes {event.name} as {consumer.durable}.",
                    **_one_message(event),
                    "tags": [{"name": service.name}],
                    "x-protonats-durable": consumer.durable,
                }

    def _parameter(self, type_: TypeRef, path: str) -> tuple[str, _Object]:
        """The name of a parameter and its description. A field of a field has `_` for its dot."""
        name = path.replace(".", "_")
        pointer, comment = [], ""
        for part in path.split("."):
            message = self._components.message(type_)
            field = next((f for f in message.fields if f.name == part), None) if message else None
            pointer.append(field.json_name if field else part)
            comment = field.comment if field else ""
            type_ = field.type if field and field.type else type_
        described = {"location": f"$message.payload#/{'/'.join(pointer)}"}
        return name, {name: {**({"description": comment} if comment else {}), **described}}


def _server(environment: str) -> _Object:
    return {
        "host": "{host}",
        "protocol": "nats",
        "description": f"The NATS servers of {environment}.",
        "variables": {"host": {"description": "A server's name or address, and its port."}},
    }


def _channel(name: str) -> str:
    return f"#/channels/{name}"


def _message_of(channel: str, name: str) -> _Object:
    return {"$ref": f"{channel}/messages/{name}"}


def _one_message(event: Event) -> _Object:
    channel = _channel(event.ref.full_name)
    return {
        "channel": {"$ref": channel},
        "messages": [_message_of(channel, event.ref.full_name)],
    }
