"""HTTP routes: the annotation `google.api.http` of methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule as Annotation
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, MethodDescriptorProto

from protoc_gen_nats.descriptors import Path, SchemaFile, SchemaSet
from protoc_gen_nats.errors import Problem, did_you_mean
from protoc_gen_nats.http_paths import PathTemplate, parse_path
from protoc_gen_nats.model import HttpRule

__all__ = ["HttpReader"]

_HTTP: Any = annotations_pb2.http
_OPTION: Path = (4, _HTTP.number)
_NOT_IN_PATHS = (FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_GROUP)


class HttpReader:
    """Reads the routes of methods, and remembers whose they are; appends to `problems`."""

    def __init__(self, schemas: SchemaSet, problems: list[Problem]) -> None:
        self._schemas = schemas
        self._problems = problems
        self._owners: dict[tuple[str, str], str] = {}

    def routes(
        self, file: SchemaFile, path: Path, proto: MethodDescriptorProto, full_name: str
    ) -> tuple[HttpRule, ...]:
        """The routes of a method, that of the annotation itself first."""
        if not proto.options.HasExtension(_HTTP):
            return ()
        reader = _MethodReader(self._schemas, self._problems, file, (*path, *_OPTION), proto)
        found = []
        for rule, template in reader.routes():
            found.append(rule)
            owner = self._owners.setdefault((rule.verb, template.shape), full_name)
            if owner != full_name or found[:-1].count(rule):
                other = f", which is that of {owner} too" if owner != full_name else " twice"
                reader.report(f"has the route {rule.verb} {rule.path}{other}: change one of them")
        return tuple(found)


class _MethodReader:
    """Reads the routes of one method."""

    def __init__(
        self,
        schemas: SchemaSet,
        problems: list[Problem],
        file: SchemaFile,
        path: Path,
        proto: MethodDescriptorProto,
    ) -> None:
        self._schemas = schemas
        self._problems = problems
        self._file = file
        self._path = path
        self._proto = proto

    def report(self, text: str) -> None:
        """Notes a problem of the annotation."""
        label = f"google.api.http of {self._proto.name} {text}"
        self._problems.append(self._file.problem(self._path, label))

    def routes(self) -> Iterator[tuple[HttpRule, PathTemplate]]:
        """The routes that can be used, each with its parsed path."""
        annotation = self._proto.options.Extensions[_HTTP]
        yield from self._route(annotation)
        for additional in annotation.additional_bindings:
            if additional.additional_bindings:
                self.report("has additional_bindings inside of another: write them beside it")
            yield from self._route(additional)

    def _route(self, annotation: Annotation) -> Iterator[tuple[HttpRule, PathTemplate]]:
        verb, path = _verb_and_path(annotation)
        if not path:
            self.report('names no path: write get: "/v1/…", or post, put, patch, delete')
            return
        try:
            template = parse_path(path)
        except ValueError as error:
            self.report(f"has the path {path!r}, which {error}")
            return
        fields = [variable.field for variable in template.variables]
        for name in dict.fromkeys(fields):
            self._check_variable(name)
            if fields.count(name) > 1:
                self.report(f"has {{{name}}} twice in its path: take one away")
        self._check_body(verb, annotation.body, fields)
        self._check_field("response_body", annotation.response_body, self._proto.output_type)
        rule = HttpRule(
            verb=verb,
            path=path,
            body=annotation.body or None,
            response_body=annotation.response_body or None,
        )
        yield rule, template

    def _check_variable(self, name: str) -> None:
        """A variable has to be a scalar field of the request."""
        field = FieldDescriptorProto(type_name=self._proto.input_type)
        for part in name.split("."):
            found = self._schemas.message(field.type_name)
            if found is None:
                self.report(f"has {{{name}}}, and {field.name} has no fields: name it alone")
                return
            fields = {field.name: field for field in found[2].field}
            if part not in fields:
                text = f"has {{{name}}}, which is no field of {field.type_name.removeprefix('.')}"
                self.report(f"{text}: {did_you_mean(part, fields)}")
                return
            field = fields[part]
        if field.type in _NOT_IN_PATHS or field.label == FieldDescriptorProto.LABEL_REPEATED:
            self.report(f"has {{{name}}}, which cannot stand in a path: name a field of one value")

    def _check_body(self, verb: str, body: str, variables: list[str]) -> None:
        if body and verb == "GET":
            text = "take it away, and fields that are not in the path are query parameters"
            self.report(f"has a body, and GET has none: {text}")
        elif body in variables:
            self.report(f"has {body!r} both in its path and as its body: take one away")
        elif body != "*":
            self._check_field("body", body, self._proto.input_type)

    def _check_field(self, option: str, name: str, type_name: str) -> None:
        found = self._schemas.message(type_name)
        fields = [field.name for field in found[2].field] if found else []
        if name and name not in fields:
            text = f"has the {option} {name!r}, which is no field of {type_name.removeprefix('.')}"
            self.report(f"{text}: {did_you_mean(name, fields)}")


def _verb_and_path(annotation: Annotation) -> tuple[str, str]:
    kind = annotation.WhichOneof("pattern")
    if kind == "custom":
        return annotation.custom.kind.upper(), annotation.custom.path
    return (kind.upper(), getattr(annotation, kind)) if kind else ("", "")
