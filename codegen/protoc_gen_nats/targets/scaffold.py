"""`services/<name>/`: the start of a service's implementation, written once and then the user's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.model import File, MethodKind, Schema, Service
from protoc_gen_nats.naming import class_stem, escape
from protoc_gen_nats.rendering.imports import ModuleImports
from protoc_gen_nats.rendering.layout import TypeExpr, class_header
from protoc_gen_nats.rendering.templates import render as render_template
from protoc_gen_nats.targets.python_services import ServiceView, service_types

__all__ = ["implementation_class", "implementation_module", "plan", "render"]


def implementation_module(service: Service) -> str:
    """The module of a service's implementation, `services.quest.service`."""
    return f"services.{service.package}.service"


def implementation_class(service: Service) -> str:
    """The class of a service's implementation, `QuestService`."""
    return escape(class_stem(service.proto_name))


def plan(schema: Schema) -> Iterator[PlannedFile]:
    """Plans an implementation for each service that answers UNIMPLEMENTED."""
    for file in schema.files:
        for service in file.services:
            path = implementation_module(service).replace(".", "/")
            for name, template in (
                (path, "service"),
                (f"{path.rpartition('/')[0]}/__init__", "__init__"),
            ):
                yield PlannedFile(
                    path=f"{name}.py",
                    render=partial(_render, f"{name}.py", template, file, service),
                    files=(file,),
                )


def render(schema: Schema) -> Iterator[GeneratedFile]:
    """Renders what `plan` plans."""
    return (planned.render() for planned in plan(schema))


def _render(path: str, template: str, file: File, service: Service) -> GeneratedFile:
    # An implementation names no event that it only publishes.
    service = replace(service, publishes=())
    imports = ModuleImports(service_types([service]))
    values = {
        "service": ServiceView.of(service, imports),
        "header": class_header(
            implementation_class(service), [TypeExpr(f"{class_stem(service.proto_name)}Server")]
        ),
        "imports": imports.lines((file.nats_module, f"{class_stem(service.proto_name)}Server")),
        "has_streams": any(m.kind is not MethodKind.UNARY for m in service.methods),
    }
    content = render_template(f"scaffold/{template}.py.j2", values)
    return GeneratedFile(path=path, content=content, scaffold=True)
