"""`<schema>_nats.py`: the clients, servers and publishers of one schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.model import Event, File, Method, MethodKind, Service, TypeRef
from protoc_gen_nats.naming import class_stem, handler_name, member_name, publisher_name
from protoc_gen_nats.python_modules import PythonOptions
from protoc_gen_nats.rendering.imports import ModuleImports
from protoc_gen_nats.rendering.layout import TypeExpr, assigned_width, class_header
from protoc_gen_nats.rendering.templates import render as render_template
from protoc_gen_nats.targets.python_policies import event_info, policy_arguments

__all__ = ["CONTRACT", "ServiceView", "render", "service_types"]

CONTRACT = 1
"""The contract with the runtime that the generated code is written for."""

_CLIENT_STREAMS = (MethodKind.CLIENT_STREAM, MethodKind.BIDI_STREAM)
_SERVER_STREAMS = (MethodKind.SERVER_STREAM, MethodKind.BIDI_STREAM)


def path_of(file: File) -> str:
    """Where the services of one schema are."""
    return file.nats_module.replace(".", "/") + ".py"


def render(file: File, python: PythonOptions) -> GeneratedFile:
    """Renders the services of one schema."""
    imports = ModuleImports(
        service_types(file.services), within=file.nats_module if python.relative else None
    )
    services = [ServiceView.of(service, imports) for service in file.services]
    values = {
        "path": file.path,
        "contract": CONTRACT,
        "abc": _names(["AsyncIterable", "AsyncIterator", "Mapping"], _used_abc(file.services)),
        "imports": imports.lines(("protonats", "_codegen")),
        "services": services,
        "has_members": any(service.methods or service.handlers for service in services),
        "has_infos": any(service.methods or service.events for service in services),
    }
    return GeneratedFile(
        path=path_of(file), content=render_template("python/services.py.j2", values)
    )


def service_types(services: Sequence[Service]) -> Iterator[TypeRef]:
    """Every message type that services name."""
    for service in services:
        for method in service.methods:
            yield from (method.request, method.response)
            if method.cache:
                yield from (event.ref for event in method.cache.invalidated_by)
        for event in service.publishes:
            yield event.ref
        for consumer in service.consumers:
            yield from (event.ref for event in consumer.events)


def _used_abc(services: Sequence[Service]) -> set[str]:
    used = set()
    for service in services:
        for method in service.methods:
            used.add("Mapping")
            if method.kind in _CLIENT_STREAMS:
                used.update(("AsyncIterable", "AsyncIterator"))
            if method.kind in _SERVER_STREAMS:
                used.add("AsyncIterator")
        if service.publishes:
            used.add("Mapping")
    return used


def _names(order: Sequence[str], used: set[str]) -> str:
    return ", ".join(name for name in order if name in used)


@dataclass(frozen=True, kw_only=True, slots=True)
class _EventView:
    """An event as the template lays it out."""

    attribute: str
    type: TypeExpr
    constant: str
    """Its description, as a constant of a class."""

    argument: str
    """Its description, as an argument of a handler's."""

    comment: str
    publisher: str
    handler: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _MethodView:
    """A method as the template lays it out."""

    name: str
    python_name: str
    subject: str
    kind: str
    request: str
    """The class of its requests, at run time."""

    response: str
    timeout: str
    policies: list[str]
    """Arguments of its description that say more than the defaults."""

    comment: str
    client_prefix: str
    """`async ` where the client's method is a coroutine."""

    returns_await: str
    parameter: str
    """`request`, or `requests` of a stream."""

    client_parameter_type: TypeExpr
    server_parameter_type: TypeExpr
    client_result_type: TypeExpr
    server_result_type: TypeExpr
    runtime_method: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceView:
    """A service as the template lays it out."""

    class_stem: str
    full_name: str
    name: str
    domain: str
    version: str
    description: str
    comment: str
    client_header: str
    server_header: str
    publisher_header: str
    methods: list[_MethodView]
    events: list[_EventView]
    consumers: list[tuple[str, list[_EventView]]]

    @classmethod
    def of(cls, service: Service, imports: ModuleImports) -> ServiceView:
        """The view of a service whose types are imported as `imports` says."""
        stem = class_stem(service.proto_name)
        bases = [TypeExpr("_codegen.Server")]
        if service.methods or service.consumers:
            bases.append(TypeExpr("ABC"))
        return cls(
            class_stem=stem,
            full_name=service.full_name,
            name=service.name,
            domain=service.domain,
            version=service.version,
            description=service.description,
            comment=service.comment or service.description,
            client_header=class_header(f"{stem}Client", [TypeExpr("_codegen.Client")]),
            server_header=class_header(f"{stem}Server", bases),
            publisher_header=class_header(f"{stem}Publisher", [TypeExpr("_codegen.Publisher")]),
            methods=[_method(method, imports) for method in service.methods],
            events=[_event(event, imports) for event in service.publishes],
            consumers=[
                (consumer.durable, [_event(event, imports) for event in consumer.events])
                for consumer in service.consumers
            ],
        )

    @property
    def method_constants(self) -> list[str]:
        """The descriptions of the methods, as the module refers to them."""
        return [f"{self.class_stem}Methods.{method.python_name}" for method in self.methods]

    @property
    def handlers(self) -> list[_EventView]:
        """The events that the server takes."""
        return [event for _, events in self.consumers for event in events]


def _method(method: Method, imports: ModuleImports) -> _MethodView:
    request = TypeExpr(imports.expression(method.request))
    response = TypeExpr(imports.expression(method.response))
    width = assigned_width("_codegen.MethodInfo(", method.python_name, 4)
    many_in, many_out = method.kind in _CLIENT_STREAMS, method.kind in _SERVER_STREAMS
    return _MethodView(
        name=method.name,
        python_name=method.python_name,
        subject=method.subject,
        kind=method.kind.name,
        request=imports.value(method.request, 8),
        response=imports.value(method.response, 8),
        timeout=repr(method.timeout),
        policies=list(policy_arguments(method, imports, 8, width)),
        comment=method.comment or f"Calls {method.full_name}.",
        client_prefix="" if many_out else "async ",
        returns_await="" if many_out else "await ",
        parameter="requests" if many_in else "request",
        client_parameter_type=TypeExpr("AsyncIterable", (request,)) if many_in else request,
        server_parameter_type=TypeExpr("AsyncIterator", (request,)) if many_in else request,
        client_result_type=(
            TypeExpr("protonats.ResponseStream", (response,)) if many_out else response
        ),
        server_result_type=TypeExpr("AsyncIterator", (response,)) if many_out else response,
        runtime_method=f"_{method.kind.value}",
    )


def _event(event: Event, imports: ModuleImports) -> _EventView:
    return _EventView(
        attribute=member_name(event.name),
        type=TypeExpr(imports.expression(event.ref)),
        constant=event_info(event, imports, 4),
        argument=event_info(event, imports, 24),
        comment=event.comment or f"The event {event.ref.full_name}.",
        publisher=publisher_name(event.name),
        handler=handler_name(event.name),
    )
