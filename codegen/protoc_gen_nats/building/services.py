"""Services and methods: the schema's options with every default filled in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import (
    FieldDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

from protoc_gen_nats import subjects
from protoc_gen_nats.building.defaults import default_domain, default_name, default_operation
from protoc_gen_nats.building.durations import optional_seconds, problem_of_time
from protoc_gen_nats.building.events import KEY_TYPES, EventBuilder
from protoc_gen_nats.building.http import HttpReader
from protoc_gen_nats.building.policies import PolicyReader
from protoc_gen_nats.descriptors import Path, SchemaFile, SchemaSet
from protoc_gen_nats.errors import Place, Problem, did_you_mean
from protoc_gen_nats.model import Bucket, Event, Method, MethodKind, Service
from protoc_gen_nats.naming import (
    NATS_NAME,
    NATS_NAME_RULE,
    handler_name,
    implementation_package,
    member_name,
    publisher_name,
    version_of_package,
)
from protonats.v1 import options_pb2

__all__ = ["ServiceBuilder"]

_SERVICE_OPTION: Path = (3, options_pb2.service.number)
_METHOD_OPTION: Path = (4, options_pb2.method.number)
_SEMVER = re.compile(
    r"(?P<major>0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
_KINDS = {
    (False, False): MethodKind.UNARY,
    (False, True): MethodKind.SERVER_STREAM,
    (True, False): MethodKind.CLIENT_STREAM,
    (True, True): MethodKind.BIDI_STREAM,
}


class ServiceBuilder:
    """Builds services and collects what is wrong with their options.

    Attributes:
        problems: All that were found so far.
    """

    def __init__(self, schemas: SchemaSet, *, complete: bool) -> None:
        self.problems: list[Problem] = []
        self._schemas = schemas
        self._events = EventBuilder(schemas, self.problems, complete=complete)
        self._http = HttpReader(schemas, self.problems)
        self._packages = Counter(_packages(schemas)) if complete else Counter[str]()

    def events(self, file: SchemaFile) -> list[Event]:
        """The events that a schema declares."""
        return self._events.declared(file)

    def service(self, file: SchemaFile, path: Path, proto: ServiceDescriptorProto) -> Service:
        """Builds one service."""
        options = proto.options.Extensions[options_pb2.service]
        option_path = (*path, *_SERVICE_OPTION)
        comment = file.comment(path)
        full_name = file.full_name(proto.name)
        version = version_of_package(file.proto.package).token
        domain = options.domain or default_domain(file.proto.package, proto.name)
        name = options.name or default_name(proto.name)
        if not options.name and self._packages[implementation_package(name, version)] > 1:
            name = domain.replace(".", "_")
        if not NATS_NAME.fullmatch(name):
            text = f"service name {name!r} is not allowed in discovery (ADR-32): {NATS_NAME_RULE}"
            self._report(file, option_path, text)
        if wrong := subjects.problem_of_template(domain):
            self._report(file, option_path, f"domain {domain!r} {wrong}")
        elif subjects.parameters(domain):
            text = f"domain {domain!r} has a parameter: write parameters in a method's operation"
            self._report(file, option_path, text)
        prefix = f"svc.{domain}.{version}"
        methods = tuple(
            self._method(file, (*path, 2, index), method, full_name, prefix)
            for index, method in enumerate(proto.method)
        )
        consumers = tuple(
            self._events.consumer(file, option_path, consumer) for consumer in options.consumes
        )
        publishes = self._events.published(file, option_path, options)
        called = [_Claim(m.python_name, f"method {m.full_name}", m.place) for m in methods]
        called.extend(
            _Claim(handler_name(event.name), f"event {event.ref.full_name}", event.place)
            for consumer in consumers
            for event in consumer.events
        )
        published = [
            _Claim(publisher_name(event.name), f"event {event.ref.full_name}", event.place)
            for event in publishes
        ]
        self._check_python_names(called)
        self._check_python_names(published)
        for durable, count in Counter(consumer.durable for consumer in consumers).items():
            if count > 1:
                text = f"{count} consumers are called {durable!r}: write one with all their events"
                self._report(file, option_path, text)
        for wildcard in ("calls", "publishes"):
            if "*" in getattr(options, wildcard) and not options.wildcard_reason:
                text = f'{wildcard}: "*" needs a reason: write wildcard_reason: "…"'
                self._report(file, option_path, text)
        return Service(
            proto_name=proto.name,
            full_name=full_name,
            name=name,
            package=implementation_package(name, version),
            domain=domain,
            version=self._version(file, option_path, options.version),
            description=options.description or _first_paragraph(comment) or full_name,
            methods=methods,
            publishes=publishes,
            publishes_any="*" in options.publishes,
            consumers=consumers,
            buckets=tuple(self._bucket(file, option_path, one) for one in options.key_value),
            calls=tuple(options.calls),
            comment=comment,
            place=file.place(option_path),
        )

    def _version(self, file: SchemaFile, path: Path, version: str) -> str:
        package = version_of_package(file.proto.package)
        if not version:
            return f"{package.major}.0.0" + (f"-{package.channel}" if package.channel else "")
        match = _SEMVER.fullmatch(version)
        if match is None:
            text = f"version {version!r} is not a semantic version: write {package.major}.0.0"
            self._report(file, path, text)
        elif int(match["major"]) != package.major:
            text = (
                f"version {version!r} does not fit package {file.proto.package}:"
                f" write {package.major}.<minor>.<patch>"
            )
            self._report(file, path, text)
        return version

    def _method(
        self, file: SchemaFile, path: Path, proto: MethodDescriptorProto, service: str, prefix: str
    ) -> Method:
        options = proto.options.Extensions[options_pb2.method]
        option_path = (*path, *_METHOD_OPTION)
        operation = options.operation or default_operation(proto.name)
        if wrong := subjects.problem_of_template(operation):
            self._report(file, option_path, f"operation {operation!r} {wrong}")
        else:
            for parameter in subjects.parameters(operation):
                self._check_parameter(file, option_path, proto.input_type, parameter)
        policies = PolicyReader(
            self._schemas, self._events, self.problems, file, option_path, proto
        )
        return Method(
            name=proto.name,
            full_name=f"{service}.{proto.name}",
            python_name=member_name(proto.name),
            kind=_KINDS[proto.client_streaming, proto.server_streaming],
            request=self._schemas.ref(proto.input_type),
            response=self._schemas.ref(proto.output_type),
            subject=f"{prefix}.{operation}",
            timeout=policies.timeout,
            idempotency_level=policies.idempotency_level,
            retry=policies.retry(),
            hedging=policies.hedging(),
            idempotency=policies.idempotency(),
            cache=policies.cache(),
            concurrency=policies.concurrency(),
            comment=file.comment(path),
            place=file.place(option_path),
            audit=options.audit,
            http=self._http.routes(file, path, proto, f"{service}.{proto.name}"),
        )

    def _check_parameter(
        self, file: SchemaFile, path: Path, type_name: str, parameter: str
    ) -> None:
        field = FieldDescriptorProto(type_name=type_name)
        for name in parameter.split("."):
            found = self._schemas.message(field.type_name)
            fields = {field.name: field for field in found[2].field} if found else {}
            if name not in fields:
                hint = did_you_mean(name, fields)
                text = f"{{{parameter}}} is no field of {type_name.removeprefix('.')}: {hint}"
                self._report(file, path, text)
                return
            field = fields[name]
        if field.type not in KEY_TYPES or field.label == FieldDescriptorProto.LABEL_REPEATED:
            text = f"{{{parameter}}} cannot stand in a subject: name a string or integer field"
            self._report(file, path, text)

    def _check_python_names(self, claims: Iterable[_Claim]) -> None:
        owners: dict[str, _Claim] = {}
        for claim in claims:
            first = owners.setdefault(claim.name, claim)
            if first is claim:
                continue
            text = f"{claim.owner} and {first.owner} would both be the Python method {claim.name!r}"
            mend = "rename one"
            if first.owner == claim.owner:
                text, mend = f"two consumers of a service have {claim.owner}", "take it from one"
            self.problems.append(Problem(claim.place, f"{text}: {mend}"))

    def _bucket(self, file: SchemaFile, path: Path, options: options_pb2.KeyValueBucket) -> Bucket:
        label = f"key-value bucket {options.name!r}"
        if not NATS_NAME.fullmatch(options.name):
            self._report(file, path, f"{label} has no legal name: {NATS_NAME_RULE}")
        if not 0 <= options.history <= 64:
            self._report(file, path, f"{label} keeps {options.history} revisions: write 1 to 64")
        if options.HasField("ttl") and (wrong := problem_of_time(options.ttl)):
            self._report(file, path, f"{label}: ttl {wrong}")
        return Bucket(
            name=options.name,
            description=options.description,
            history=options.history or 1,
            ttl=optional_seconds(options, "ttl"),
        )

    def _report(self, file: SchemaFile, path: Path, text: str) -> None:
        self.problems.append(file.problem(path, text))


@dataclass(frozen=True, slots=True)
class _Claim:
    """A Python name, and the method or event that would have it."""

    name: str
    owner: str
    place: Place


def _packages(schemas: SchemaSet) -> Iterator[str]:
    """The packages that the implementations of all services would have by their own names."""
    for file in schemas.files.values():
        if not file.provided:
            version = version_of_package(file.proto.package).token
            for _, proto in file.services():
                name = proto.options.Extensions[options_pb2.service].name
                yield implementation_package(name or default_name(proto.name), version)


def _first_paragraph(comment: str) -> str:
    return " ".join(comment.partition("\n\n")[0].split())
