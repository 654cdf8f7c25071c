"""Typed clients, servers, publishers and message stubs in Python."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.model import File, Schema
from protoc_gen_nats.naming import PROVIDED_PACKAGES, module_of
from protoc_gen_nats.python_modules import is_importable, relative_module
from protoc_gen_nats.rendering.templates import render as render_template
from protoc_gen_nats.targets import python_messages, python_services

__all__ = ["plan", "render", "render_aliases"]


def plan(schema: Schema) -> Iterator[PlannedFile]:
    """Plans `<schema>_pb2.pyi` of every schema, `<schema>_nats.py` of those with services, and the
    `__init__.py` of packages."""
    for file in schema.files:
        for target in (python_messages, python_services) if file.services else (python_messages,):
            yield PlannedFile(
                path=target.path_of(file),
                render=partial(target.render, file, schema.python),
                files=(file,),
            )
    if schema.python.init_files:
        yield from _init_files(schema)


def render(schema: Schema) -> Iterator[GeneratedFile]:
    """Renders what `plan` plans."""
    return (planned.render() for planned in plan(schema))


def render_aliases(schema: Schema) -> Iterator[GeneratedFile]:
    """Renders the modules that stand in for those of protoc that no `import` statement can name."""
    for file in schema.files:
        if not is_importable(module_of(file.path)):
            yield _alias(file, schema)


def _alias(file: File, schema: Schema) -> GeneratedFile:
    module = module_of(file.path)
    if prefix := schema.python.package_prefix:
        module = f"{prefix}.{module}"
    if schema.python.relative:
        module = relative_module(module, within=file.module.rpartition(".")[0])
    values = {"path": file.path, "module": module, "relative": schema.python.relative}
    path = file.module.replace(".", "/") + ".py"
    return GeneratedFile(path=path, content=render_template("python/alias.py.j2", values))


def _init_files(schema: Schema) -> Iterator[PlannedFile]:
    """The `__init__.py` of every folder, but not of those that installed packages share with us:
    theirs would be hidden."""
    packages = {package for file in schema.files for package in _packages(file.module)}
    for package in sorted(packages):
        if not any(shared.startswith(f"{package}.") for shared in PROVIDED_PACKAGES):
            path = package.replace(".", "/") + "/__init__.py"
            yield PlannedFile(path=path, render=partial(_init_file, path), files=())


def _init_file(path: str) -> GeneratedFile:
    return GeneratedFile(path=path, content=render_template("python/__init__.py.j2", {}))


def _packages(module: str) -> Iterator[str]:
    """The packages that a module is in."""
    while module := module.rpartition(".")[0]:
        yield module
