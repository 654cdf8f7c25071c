"""`services/<name>/`: the start of a service's implementation, written once and then the user's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.model import File, MethodKind, Schema, Service
from protoc_gen_nats.naming import escape, stub_module
from protoc_gen_nats.rendering.imports import ModuleImports
from protoc_gen_nats.rendering.layout import TypeExpr, class_header
from protoc_gen_nats.rendering.templates import render as render_template
from protoc_gen_nats.targets.python_services import ServiceView, service_types

__all__ = ["implementation_class", "implementation_module", "render"]


def implementation_module(service: Service) -> str:
    """The module of a service's implementation, `services.quest.service`."""
    return f"services.{service.package}.service"


def implementation_class(service: Service) -> str:
    """The class of a service's implementation, `QuestService`."""
    return escape(service.proto_name)


def render(schema: Schema) -> Iterator[GeneratedFile]:
    """Renders an implementation for each service that answers UNIMPLEMENTED."""
    for file in schema.files:
        for service in file.services:
            yield from _service(file, service)


def _service(file: File, service: Service) -> Iterator[GeneratedFile]:
    # An implementation names no event that it only publishes.
    service = replace(service, publishes=())
    imports = ModuleImports(service_types([service]))
    path = implementation_module(service).replace(".", "/")
    values = {
        "service": ServiceView.of(service, imports),
        "header": class_header(
            implementation_class(service), [TypeExpr(f"{service.proto_name}Server")]
        ),
        "imports": imports.lines((stub_module(file.path), f"{service.proto_name}Server")),
        "has_streams": any(m.kind is not MethodKind.UNARY for m in service.methods),
    }
    content = render_template("scaffold/service.py.j2", values)
    yield GeneratedFile(path=f"{path}.py", content=content, scaffold=True)
    init = render_template("scaffold/__init__.py.j2", values)
    yield GeneratedFile(path=f"{path.rpartition('/')[0]}/__init__.py", content=init, scaffold=True)
