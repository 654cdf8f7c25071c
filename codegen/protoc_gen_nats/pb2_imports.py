"""Message modules as protoc writes them, made to import each other where they really are.

protoc imports by the paths of the schemas alone. Below a package of one's own, with relative
imports, or from a folder that is called `2024`, that finds nothing or is no Python.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from protoc_gen_nats.naming import module_of
from protoc_gen_nats.python_modules import PythonOptions, importable, relative_module, split_module

__all__ = ["rewrite_imports"]

_IMPORTS = re.compile(
    rb"(?<=\n_sym_db = _symbol_database\.Default\(\)\n).*?(?=\nDESCRIPTOR = )", re.S
)
_OWN_NAME = re.compile(rb"(?<=BuildTopDescriptorsAndMessages\(DESCRIPTOR, )'[^']*'(?=, _globals\))")


def rewrite_imports(
    text: bytes, proto: FileDescriptorProto, generated: Container[str], python: PythonOptions
) -> bytes:
    """The message module of a schema, unchanged if it can stay so.

    Args:
        text: What protoc wrote.
        proto: The schema.
        generated: The paths of all schemas whose modules are generated.
        python: Where these modules are.
    """
    own = [path for path in (proto.name, *proto.dependency) if path in generated]
    if not python.relative and all(python.messages(path) == module_of(path) for path in own):
        return text
    imports = "".join(f"{line}\n" for line in _imports(proto, generated, python))
    text = _IMPORTS.sub(lambda _: f"\n\n{imports}\n".encode(), text, count=1)
    return _OWN_NAME.sub(b"__name__", text, count=1)


def _imports(
    proto: FileDescriptorProto, generated: Container[str], python: PythonOptions
) -> Iterator[str]:
    public = {proto.dependency[index] for index in proto.public_dependency}
    package = python.messages(proto.name).rpartition(".")[0]
    for path in proto.dependency:
        module = python.messages(path) if path in generated else module_of(path)
        if python.relative and path in generated:
            module = relative_module(module, within=package)
        parent, leaf = split_module(module)
        name = importable(module_of(path)).replace("_", "__").replace(".", "_dot_")
        yield f"from {parent} import {leaf} as {name}" if parent else f"import {leaf} as {name}"
        if path in public:
            yield f"from {module} import *"
