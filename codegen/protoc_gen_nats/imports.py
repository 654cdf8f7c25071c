"""The imports of one generated module: which, under which names, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from protoc_gen_nats.layout import from_import
from protoc_gen_nats.model import TypeRef

__all__ = ["ModuleImports"]


class ModuleImports:
    """Message modules that a generated module needs, each under a name of its own.

    A module is called by its last part (`quest_pb2`). Where two of them end alike, both are called by all
    their parts (`acme_v1_quest_pb2`).
    """

    def __init__(self, types: Iterable[TypeRef], *, prefix: str = "") -> None:
        modules = sorted({ref.module for ref in types})
        leaves = Counter(module.rpartition(".")[2] for module in modules)
        self._names = {
            module: prefix + (leaf if leaves[leaf] == 1 else module.replace(".", "_"))
            for module in modules
            for leaf in [module.rpartition(".")[2]]
        }

    def expression(self, ref: TypeRef) -> str:
        """How the module refers to a type."""
        return f"{self._names[ref.module]}.{ref.qualname}"

    def lines(self) -> list[str]:
        """The import statements, sorted by module."""
        lines = []
        for module, name in sorted(self._names.items()):
            parent, _, leaf = module.rpartition(".")
            lines.append(from_import(parent, leaf, name))
        return lines
