"""Imports point down: between the generator's packages and between the runtime's modules they go in
no circle, and the runtime's lower layers know nothing of those above."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from tests.projects import ROOT

CODEGEN = ROOT / "codegen"
GENERATOR = CODEGEN / "protoc_gen_nats"
RUNTIME = ROOT / "runtime"

LAYERS = {
    "_wire": {"errors"},
    "_transport": {"_wire", "errors", "settings"},
    "errors": {"_wire"},
    "settings": {"_checks", "_environment", "_wire", "errors"},
}
"""What the lowest parts of the runtime may import of it."""

APART = {
    "_calling": {"_serving", "_consuming", "server", "application"},
    "_serving": {"_calling", "_consuming", "client", "application"},
    "_consuming": {"_calling", "_serving", "client", "application"},
    "connection": {"_serving", "_consuming", "client", "server", "application"},
}
"""What parts of the runtime must not import: callers, servers and consumers stand side by side."""

ON_TOP = {"exporter", "provision", "serve", "testing"}
"""Programs, and what tests use: nothing below imports them."""


def imported(path: Path) -> Iterator[str]:
    """The modules and packages that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: a relative import"
            yield from (f"{node.module}.{one.name}" for one in node.names)


def room(module: str) -> str:
    """What a module belongs to: the package or module right below the generator's."""
    return module.split(".")[1]


def test_imports_between_packages_go_in_no_circle() -> None:
    rooms: dict[str, set[str]] = {}
    for path in GENERATOR.rglob("*.py"):
        own = room(".".join(path.relative_to(CODEGEN).with_suffix("").parts))
        others = {room(name) for name in imported(path) if name.startswith("protoc_gen_nats.")}
        rooms.setdefault(own, set()).update(others - {own, "__version__"})

    TopologicalSorter(rooms).prepare()  # raises CycleError, which names them

    assert {"cli", "project", "targets", "rules", "building", "model"} <= rooms.keys()
    assert not rooms["targets"] & {"building", "cli", "keeping", "project", "protoc", "rules"}


def test_the_runtime_knows_nothing_of_the_generator() -> None:
    for path in (ROOT / "runtime").rglob("*.py"):
        names = [name.partition(".")[0] for name in imported(path)]
        assert "protoc_gen_nats" not in names, path


def parts_of_the_runtime() -> dict[str, set[str]]:
    """What each module or package right below the runtime's imports of the others."""
    parts: dict[str, set[str]] = {}
    for path in (RUNTIME / "protonats").rglob("*.py"):
        own = room(".".join(path.relative_to(RUNTIME).with_suffix("").parts))
        others = {room(name) for name in imported(path) if name.startswith("protonats.")}
        parts.setdefault(own, set()).update(others - {own})
    return parts


def at_import(nodes: Iterable[ast.AST]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that are executed when a module is imported."""
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from at_import(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from at_import(ast.iter_child_nodes(node))


def test_imports_between_modules_of_the_runtime_go_in_no_circle() -> None:
    paths = {
        ".".join(path.relative_to(RUNTIME).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (RUNTIME / "protonats").rglob("*.py")
    }
    modules: dict[str, set[str]] = {}
    for module, path in paths.items():
        names = modules.setdefault(module, set())
        for node in at_import(ast.parse(path.read_text(encoding="utf-8")).body):
            holder = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for one in node.names:
                full = f"{holder}{one.name}"
                names |= {full, full.rpartition(".")[0]} & (paths.keys() - {module})

    TopologicalSorter(modules).prepare()  # raises CycleError, which names them

    assert "protonats._wire.headers" in modules["protonats._wire.status"]


def test_layers_of_the_runtime_know_nothing_of_those_above() -> None:
    parts = parts_of_the_runtime()

    for name, allowed in LAYERS.items():
        assert parts[name] <= allowed, name
    for name, forbidden in APART.items():
        assert not parts[name] & forbidden, name
    for name, others in parts.items():
        if name not in ON_TOP:
            assert not others & ON_TOP, name
