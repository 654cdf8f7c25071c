"""The imports of one generated module: which, under which names, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from protoc_gen_nats.model import TypeRef
from protoc_gen_nats.naming import COMMON_PACKAGES, escape
from protoc_gen_nats.rendering.layout import from_import

__all__ = ["ModuleImports"]

_UNTYPED = "  # type: ignore[import-untyped,unused-ignore]"


class ModuleImports:
    """Message modules that a generated module needs, each under a name of its own.

    A module is called by its last part (`quest_pb2`). Where two of them end alike, both are called
    by all their parts (`acme_v1_quest_pb2`).
    """

    def __init__(self, types: Iterable[TypeRef], *, prefix: str = "") -> None:
        modules = sorted({ref.module for ref in types})
        leaves = [_split(module)[1] for module in modules]
        shared = {leaf for leaf, count in Counter(leaves).items() if count > 1}
        self._names = {
            module: prefix + (module.replace(".", "_") if leaf in shared else leaf)
            for module, leaf in zip(modules, leaves, strict=True)
        }

    def expression(self, ref: TypeRef) -> str:
        """How the module writes a type."""
        return f"{self._names[ref.module]}.{ref.python_name}"

    def value(self, ref: TypeRef) -> str:
        """How the module refers to a class at run time, where one that is called like a keyword has
        no other name."""
        expression = self._names[ref.module]
        for name in ref.qualname.split("."):
            plain = escape(name) == name
            expression = f"{expression}.{name}" if plain else f'getattr({expression}, "{name}")'
        return expression

    def lines(self, *others: tuple[str, str]) -> list[str]:
        """The imports of the modules, and of `others` (module, name), sorted by module."""
        imports = [(*_split(module), name) for module, name in self._names.items()]
        imports += [(module, name, name) for module, name in others]
        return [
            from_import(parent, leaf, name) + (_UNTYPED if _is_untyped(parent) else "")
            for parent, leaf, name in sorted(imports)
        ]


def _is_untyped(package: str) -> bool:
    return f"{package}.".startswith(COMMON_PACKAGES)


def _split(module: str) -> tuple[str, str]:
    """A module's package and its own name."""
    parent, _, leaf = module.rpartition(".")
    return parent, leaf
