"""Rules of the Python modules that schemas become: each is a file that can be imported."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Container, Iterable, Iterator

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from protoc_gen_nats.descriptors import SchemaFile
from protoc_gen_nats.errors import Place, Problem
from protoc_gen_nats.naming import module_of
from protoc_gen_nats.python_modules import DEFAULTS, PythonOptions

__all__ = ["check_imports", "check_modules"]

_UNSPEAKABLE = re.compile(r"['\"\\\x00-\x1f\x7f]")
"""What protoc writes into Python as it stands."""

_OCCUPIED = {
    # `test`, the tests of Python itself, is installed with most and listed with none.
    **dict.fromkeys({*sys.stdlib_module_names, "test"}, "of Python's standard library"),
    **dict.fromkeys(
        ("h11", "nats", "nkeys", "prometheus_client", "protonats", "redis"),
        "that is installed with protonats",
    ),
    **dict.fromkeys(("grpc", "opentelemetry", "protovalidate"), "that extras of protonats install"),
}
"""The packages that Python finds before a folder of generated modules."""


def check_modules(paths: Iterable[str], python: PythonOptions = DEFAULTS) -> Iterator[Problem]:
    """Finds schemas whose module would overwrite or hide another, or be hidden itself.

    Names that differ in case alone are one file on macOS and Windows.

    Args:
        paths: The schemas.
        python: Where their modules are.
    """
    owners: dict[str, str] = {}
    for path in paths:
        if _UNSPEAKABLE.search(path):
            text = "its path has a quote, a backslash or a control character: rename it"
            yield Problem(Place(path), text)
            continue
        module = python.messages(path)
        owner = owners.setdefault(module.casefold(), path)
        if owner != path:
            same = module == python.messages(owner)
            where = "" if same else " where file names have no case"
            text = f"its Python module {module} would be that of {owner}{where}: rename one of them"
            yield Problem(Place(path), text)
    for path in owners.values():
        yield from _hidden(path, python, owners)


def check_imports(
    protos: Iterable[FileDescriptorProto], generate: Container[str]
) -> Iterator[Problem]:
    """Finds imports that protoc writes into its message modules and Python cannot read.

    `protonats generate` writes them anew; beside the plugin, these modules stay as they are.

    Args:
        protos: All schemas.
        generate: The paths of those whose modules protoc writes.
    """
    for proto in protos:
        if proto.name not in generate:
            continue
        file = SchemaFile(proto, generated=True, python=DEFAULTS)
        public = set(proto.public_dependency)
        for index, path in enumerate(proto.dependency):
            module = module_of(path)
            parts = module.split(".")
            readable = not any(map(keyword.iskeyword, parts)) or index not in public
            if not readable or not all(map(str.isidentifier, parts)):
                text = (
                    f"protoc imports {module} for it, and Python cannot read that: rename the"
                    " folder or file that is imported, or use `protonats generate`, which mends it"
                )
                yield file.problem((3, index), text)


def _hidden(path: str, python: PythonOptions, owners: dict[str, str]) -> Iterator[Problem]:
    """Finds a module whose package is no package to Python."""
    module = python.messages(path)
    package = module.rpartition(".")[0]
    top = package.partition(".")[0]
    if top in _OCCUPIED and not python.relative:
        text = (
            f"its Python module {module} would be in {top!r}, a name {_OCCUPIED[top]}: rename the"
            " folder, or set package_prefix to a package of your own for all modules to be in"
        )
        yield Problem(Place(path), text)
    while package:
        for owner in (owners.get(package.casefold()), owners.get(_messages_of(package))):
            if owner:
                text = (
                    f"its Python package {package} would be hidden by the module of {owner}: rename"
                    " that folder or that file"
                )
                yield Problem(Place(path), text)
                break
        package = package.rpartition(".")[0]


def _messages_of(module: str) -> str:
    """The messages beside a module of clients and servers."""
    stem = module.removesuffix("_nats")
    return f"{stem}_pb2".casefold() if stem != module else ""
