"""Python modules: which one a schema becomes, and how another module imports it."""

from __future__ import annotations

import keyword
import unicodedata
from dataclasses import dataclass

from protoc_gen_nats.naming import module_of, stub_module

__all__ = [
    "DEFAULTS",
    "PythonOptions",
    "importable",
    "is_importable",
    "relative_module",
    "split_module",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonOptions:
    """Where the generated modules are, and how they import each other."""

    imports: str = "absolute"
    """`absolute`: by their full names. `relative`: from the folder that they are in, so that the
    whole tree can be moved into any package."""

    package_prefix: str = ""
    """The package below which all of them are, `acme.gen`; empty: none."""

    init_files: bool = False
    """Whether their folders get an `__init__.py`; without, they are namespace packages."""

    @property
    def relative(self) -> bool:
        """Whether modules import each other relatively."""
        return self.imports == "relative"

    def messages(self, path: str) -> str:
        """The module of a schema's messages, `acme.gen.a.b_pb2`."""
        return self.place(module_of(path))

    def services(self, path: str) -> str:
        """The module of a schema's clients and servers, `acme.gen.a.b_nats`."""
        return self.place(stub_module(path))

    def place(self, module: str) -> str:
        """The module that users import, where protoc calls it `module`."""
        name = importable(module)
        return f"{self.package_prefix}.{name}" if self.package_prefix else name


DEFAULTS = PythonOptions()


def is_importable(module: str) -> bool:
    """Whether an `import` statement can name a module."""
    return importable(module) == module


def importable(module: str) -> str:
    """The nearest name that an `import` statement can name: of `import.2024.x_pb2` it is
    `import_._2024.x_pb2`."""
    return ".".join(map(_importable_part, module.split(".")))


def _importable_part(name: str) -> str:
    # As Python reads identifiers (PEP 3131).
    normal = unicodedata.normalize("NFKC", name)
    plain = "".join(char if f"_{char}".isidentifier() else "_" for char in normal)
    if keyword.iskeyword(plain):
        return f"{plain}_"
    return plain if plain.isidentifier() else f"_{plain}"


def relative_module(module: str, *, within: str) -> str:
    """A module as one of the package `within` imports it: from `a.b`, `a.c.d` is `..c.d`."""
    source = within.split(".") if within else []
    target = module.split(".")
    shared = 0
    while shared < min(len(source), len(target) - 1) and source[shared] == target[shared]:
        shared += 1
    return "." * (len(source) - shared + 1) + ".".join(target[shared:])


def split_module(module: str) -> tuple[str, str]:
    """What stands behind `from` and behind `import`: of `..c.d` it is `..c` and `d`."""
    parent, dot, leaf = module.rpartition(".")
    return (parent if parent.strip(".") or not dot else f"{parent}."), leaf
