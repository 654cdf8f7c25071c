"""The imports of one generated module: which, under which names, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from protoc_gen_nats.model import TypeRef
from protoc_gen_nats.naming import COMMON_PACKAGES, PROVIDED_PACKAGES
from protoc_gen_nats.python_modules import relative_module, split_module
from protoc_gen_nats.rendering.layout import call, from_import, re_export
from protoc_gen_nats.rendering.text import string_literal

__all__ = ["ModuleImports"]

_UNTYPED = "  # type: ignore[import-untyped,unused-ignore]"


class ModuleImports:
    """Message modules that a generated module needs, each under a name of its own.

    A module is called by its last part (`quest_pb2`). Where two of them end alike, both are called
    by all their parts (`acme_v1_quest_pb2`).
    """

    def __init__(
        self, types: Iterable[TypeRef], *, prefix: str = "", within: str | None = None
    ) -> None:
        """Chooses the names.

        Args:
            types: The types that are referred to.
            prefix: What each name begins with.
            within: The module that imports them, if it does so relatively.
        """
        self._provided = {ref.module: ref.provided for ref in types}
        self._package = None if within is None else split_module(within)[0]
        modules = sorted(self._provided)
        leaves = Counter(split_module(module)[1] for module in modules)
        self._names: dict[str, str] = {}
        taken = {leaf for leaf, count in leaves.items() if count == 1}
        for module in modules:
            leaf = split_module(module)[1]
            if leaves[leaf] > 1:
                leaf = module.replace(".", "_")
                while leaf in taken:
                    leaf += "_"
                taken.add(leaf)
            self._names[module] = prefix + leaf

    def expression(self, ref: TypeRef) -> str:
        """How the module writes a type."""
        return f"{self._names[ref.module]}.{ref.python_name}"

    def value(self, ref: TypeRef, indent: int) -> str:
        """How a class of the module refers to a message at run time: by its full name where Python
        has none for it.

        Args:
            ref: The message.
            indent: Spaces before the line on which the reference begins.
        """
        names = ref.qualname.split(".")
        if ref.python_name == ref.qualname and not any(map(_is_mangled, names)):
            return f"{self._names[ref.module]}.{ref.qualname}"
        return call("_codegen.message_class", [f"{string_literal(ref.full_name)},"], indent)

    def lines(self, *others: tuple[str, str]) -> list[str]:
        """The imports of the modules, and of `others` (module, name) from elsewhere, sorted by
        module; relative ones last."""
        imports = [(*self._path(module), name) for module, name in self._names.items()]
        imports += [(module, name, name) for module, name in others]
        return [
            from_import(parent, leaf, name) + (_UNTYPED if _is_untyped(parent, leaf) else "")
            for parent, leaf, name in sorted(imports, key=_place)
        ]

    def re_export(self, module: str, names: Sequence[str]) -> str:
        """An import that makes the names of another module names of this one too."""
        if self._package is None or module.startswith(PROVIDED_PACKAGES):
            return re_export(module, names)
        return re_export(relative_module(module, within=self._package), names)

    def _path(self, module: str) -> tuple[str, str]:
        """What stands behind `from` and behind `import`."""
        if self._package is None or self._provided[module]:
            return split_module(module)
        return split_module(relative_module(module, within=self._package))


def _is_mangled(name: str) -> bool:
    """Whether Python takes a name for another one in the body of a class."""
    return name.startswith("__") and not name.endswith("__")


def _place(one: tuple[str, str, str]) -> tuple[bool, tuple[str, str, str]]:
    return one[0].startswith("."), one


def _is_untyped(package: str, module: str) -> bool:
    return f"{package}.{module}".startswith(COMMON_PACKAGES)
