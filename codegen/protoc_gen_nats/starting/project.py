"""A new project: a schema, the service that implements it, and its test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from protoc_gen_nats import __version__
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.project.begun import record_path
from protoc_gen_nats.project.project import Project
from protoc_gen_nats.rendering.templates import render
from protoc_gen_nats.starting.names import ServiceNames
from protoc_gen_nats.writing import write_all

__all__ = ["start_project"]


def start_project(root: Path, names: ServiceNames) -> tuple[str, ...]:
    """Writes the files of a new project, all of them or none.

    Returns:
        Their paths, relative to the project.

    Raises:
        UserError: One of them exists; nothing is written.
        OSError: A file cannot be written.
    """
    files = _files(names)
    if taken := [path for path in files if (root / path).exists()]:
        raise UserError.of(
            f"{root} has {', '.join(taken)}, and nothing is overwritten: choose another folder, or"
            " add to the project with `protonats new`"
        )
    root.mkdir(parents=True, exist_ok=True)
    write_all(root, files)
    # What the generator would have begun in place of the services: `update` merges from there on.
    begun = Project(root).render().scaffolds
    write_all(root, {record_path(path): content for path, content in begun.items()})
    return tuple(files)


def _files(names: ServiceNames) -> Mapping[str, bytes]:
    imported = {
        "protonats": "Code, StatusError",
        "protonats.testing": "LocalPlatform",
        f"{names.package}.{names.name}_nats": f"{names.service}Client",
        f"{names.package}.{names.name}_pb2": "CountRequest, GreetRequest",
    }
    values = {
        "imports": [f"from {module} import {name}" for module, name in sorted(imported.items())],
        "directory": names.directory,
        "distribution": names.name.replace("_", "-"),
        "name": names.name,
        "package": names.package,
        "python_package": names.package,
        "service": names.service,
        "stream": names.name.upper(),
        "title": names.title,
        "top": names.package.partition(".")[0],
        "version": __version__,
    }
    templates = {
        "protonats.yaml": "protonats.yaml.j2",
        f"proto/{names.path}": "schema.proto.j2",
        f"services/{names.directory}/__init__.py": "__init__.py.j2",
        f"services/{names.directory}/service.py": "service.py.j2",
        f"tests/test_{names.name}.py": "test.py.j2",
        "pyproject.toml": "pyproject.toml.j2",
        "README.md": "README.md.j2",
        ".gitignore": "gitignore.j2",
    }
    return {path: render(f"project/{template}", values) for path, template in templates.items()}
