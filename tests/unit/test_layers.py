"""Imports of the generator point down: between its packages they go in no circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from tests.projects import ROOT

CODEGEN = ROOT / "codegen"
GENERATOR = CODEGEN / "protoc_gen_nats"


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
