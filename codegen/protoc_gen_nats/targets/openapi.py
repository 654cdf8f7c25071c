"""`docs/openapi.json`: the HTTP routes of `google.api.http` in OpenAPI 3.1.

Bodies and query parameters are in protobuf's JSON mapping. A method that streams answers with one
JSON value a line; one that takes a stream of requests has no form in HTTP and OpenAPI that all
clients know, and is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from typing import Any

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.http_paths import PathTemplate, PathVariable, parse_path
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import (
    Cardinality,
    Field,
    HttpRule,
    Message,
    Method,
    MethodKind,
    Schema,
    Service,
    TypeRef,
)
from protoc_gen_nats.targets.json_documents import comment_fields, json_file, title_of
from protoc_gen_nats.targets.json_rules import must_be_set
from protoc_gen_nats.targets.json_schema import SchemaComponents, described, well_known
from protoc_gen_nats.targets.openapi_errors import error_components, errors_of
from protoc_gen_nats.targets.type_index import TypeIndex

__all__ = ["render"]

_Object = dict[str, Any]

_VERBS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")
_NOT_IN_QUERIES = ("Any", "Empty", "ListValue", "Struct", "Value")
"""Well-known types that a query parameter cannot hold."""

_DESCRIPTION = """\
The services by HTTP. Bodies are in protobuf's JSON mapping; a call that fails is answered with a \
`google.rpc.Status`.

A method that streams its response sends one line of JSON for each message, as it comes \
(`application/x-ndjson`). Methods that take a stream of requests have no route here."""


def render(schema: Schema, manifest: Manifest) -> Iterator[GeneratedFile]:
    """Renders the document, unless no method has a route."""
    document = _Document(schema)
    if document.paths:
        yield json_file("docs/openapi.json", document.value())


class _Document:
    """Collects the routes of all services."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._components = SchemaComponents(TypeIndex(schema))
        self._services: list[Service] = []
        self.paths: dict[str, _Object] = {}
        self._paths: dict[str, tuple[str, list[str]]] = {}
        for service in schema.services:
            before = len(self.paths), sum(map(len, self.paths.values()))
            for method in service.methods:
                self._method(service, method)
            if before != (len(self.paths), sum(map(len, self.paths.values()))):
                self._services.append(service)

    def value(self) -> _Object:
        """The document."""
        status = self._components.status()
        return {
            "openapi": "3.1.0",
            "info": {
                "title": title_of(self._schema),
                "version": "1.0.0",
                "description": _DESCRIPTION,
            },
            "tags": [
                {"name": service.name, "description": service.description}
                for service in self._services
            ],
            "paths": self.paths,
            "components": {
                "schemas": self._components.all(),
                "responses": error_components(status),
            },
        }

    def _method(self, service: Service, method: Method) -> None:
        if method.kind in (MethodKind.CLIENT_STREAM, MethodKind.BIDI_STREAM):
            return
        rules = [rule for rule in method.http if rule.verb in _VERBS]
        for number, rule in enumerate(rules, start=1):
            template = parse_path(rule.path)
            # Paths of one shape are one path, so the names are those of its first route.
            path, names = self._paths.setdefault(template.shape, _path(template))
            operation = {
                "operationId": method.full_name + (f".{number}" if number > 1 else ""),
                **comment_fields(method.comment),
                "tags": [service.name],
                **self._request(method, rule, template, names),
                "responses": {
                    "200": self._response(method, rule),
                    **errors_of(method),
                },
            }
            self.paths.setdefault(path, {}).setdefault(rule.verb.lower(), operation)

    def _request(
        self, method: Method, rule: HttpRule, template: PathTemplate, names: list[str]
    ) -> _Object:
        """The parameters and the body of a request; `names` are those of the parameters in the
        path."""
        message = self._components.message(method.request)
        in_path = [variable.field for variable in template.variables]
        in_order = [p for v in template.variables for p in self._path_parameters(message, v)]
        parameters = [
            {"name": name, **parameter} for name, parameter in zip(names, in_order, strict=True)
        ]
        if rule.body != "*" and message is not None:
            taken = {*in_path, rule.body or ""}
            parameters.extend(self._query_parameters(message, taken, (), {message.ref.full_name}))
        request: _Object = {"parameters": parameters} if parameters else {}
        if rule.body:
            content = {"application/json": {"schema": self._body(method, message, rule, in_path)}}
            request["requestBody"] = {"required": True, "content": content}
        return request

    def _body(
        self, method: Method, message: Message | None, rule: HttpRule, in_path: Collection[str]
    ) -> _Object:
        if message is None:
            return self._components.reference(method.request)
        if rule.body != "*":
            return self._field(message, rule.body or "")
        if not in_path:
            return self._components.reference(method.request)
        return self._components.object(message, without=in_path)

    def _response(self, method: Method, rule: HttpRule) -> _Object:
        message = self._components.message(method.response)
        schema = self._components.reference(method.response)
        if rule.response_body and message is not None:
            schema = self._field(message, rule.response_body)
        comment = " ".join(message.comment.partition("\n\n")[0].split()) if message else ""
        if method.kind is MethodKind.SERVER_STREAM:
            comment = f"{comment or 'The messages.'} Each line is a message.".strip()
            return {"description": comment, "content": {"application/x-ndjson": {"schema": schema}}}
        content = {"application/json": {"schema": schema}}
        return {"description": comment or "The response.", "content": content}

    def _field(self, message: Message, name: str) -> _Object:
        """The schema of a field of a message."""
        field = next(field for field in message.fields if field.name == name)
        return described(self._components.field(field), field)

    def _path_parameters(
        self, message: Message | None, variable: PathVariable
    ) -> Iterator[_Object]:
        """The parameters of a path for one variable, without their names."""
        *holders, name = variable.field.split(".")
        for holder in holders:
            field = _field_of(message, holder)
            message = self._components.message(field.type) if field and field.type else None
        field = _field_of(message, name)
        notes = [field.comment] if field and field.comment else []
        wildcards = [part for part in variable.pattern.split("/") if part.startswith("*")]
        for number in range(1, len(wildcards) + 1):
            parameter: _Object = {"in": "path", "required": True}
            schema: _Object = {"type": "string"}
            if variable.pattern == "*":
                schema = self._components.field(field) if field else schema
                text = "".join(notes)
            else:
                which = f"Part {number}" if len(wildcards) > 1 else "What stands for the star"
                whole = f"{which} of `{variable.field}`, which is `{variable.pattern}`."
                text = "\n\n".join([*notes, whole])
            yield parameter | ({"description": text} if text else {}) | {"schema": schema}

    def _query_parameters(
        self,
        message: Message,
        taken: Collection[str],
        path: tuple[Field, ...],
        above: Collection[str],
    ) -> Iterator[_Object]:
        """Parameters for the fields that neither the path nor the body holds.

        Args:
            message: The message.
            taken: The fields of the request that are elsewhere, `world.id`.
            path: The fields that lead from the request to the message.
            above: The messages on that way: none is entered twice.
        """
        for field in message.fields:
            way = (*path, field)
            if ".".join(one.name for one in way) in taken or field.cardinality is Cardinality.MAP:
                continue
            inner = self._components.message(field.type) if field.type else None
            known = well_known(field.type) if field.type else None
            if known is None and inner is not None:
                if field.cardinality is Cardinality.SINGULAR and inner.ref.full_name not in above:
                    entered = {*above, inner.ref.full_name}
                    yield from self._query_parameters(inner, taken, way, entered)
            elif field.type is None or field.kind == "enum" or _is_text(field.type):
                parameter: _Object = {"name": ".".join(one.json_name for one in way)}
                parameter["in"] = "query"
                if not path and must_be_set(field):
                    parameter["required"] = True
                if field.comment:
                    parameter["description"] = field.comment
                yield parameter | {"schema": self._components.field(field)}


def _field_of(message: Message | None, name: str) -> Field | None:
    fields = message.fields if message else ()
    return next((field for field in fields if field.name == name), None)


def _is_text(type_: TypeRef) -> bool:
    """Whether a well-known type is one value in JSON."""
    package, _, name = type_.full_name.rpartition(".")
    return package == "google.protobuf" and name not in _NOT_IN_QUERIES


def _path(template: PathTemplate) -> tuple[str, list[str]]:
    """The path as OpenAPI writes it, and the names of its parameters: no parameter of OpenAPI holds
    a `/`, so each star is one, `name.1` and `name.2` where there are many."""
    text, names = "", list[str]()
    for part in template.parts:
        if isinstance(part, str):
            text += part
            continue
        stars = itertools.count(1)
        several = part.pattern.count("*") > 1 and part.pattern != "**"
        segments = []
        for segment in part.pattern.split("/"):
            if segment.startswith("*"):
                names.append(f"{part.field}.{next(stars)}" if several else part.field)
                segment = f"{{{names[-1]}}}"
            segments.append(segment)
        text += "/".join(segments)
    return text, names
