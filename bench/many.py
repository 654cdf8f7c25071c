"""Projects of any size: services that call each other, each of ten methods and thirty messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["change", "schemas", "write"]

METHODS: Final = 10
"""Methods of each service; each has a request, a response and an item."""

_IN_A_TEAM: Final = 50


def write(root: Path, services: int) -> None:
    """Writes a project of so many services, each in a schema of its own."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "protonats.yaml").write_text("version: 1\n", encoding="utf-8")
    for number in range(services):
        path = root / "proto" / _path(number)
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(_schema(number)) + "\n", encoding="utf-8")


def schemas(services: int) -> list[str]:
    """The paths of the schemas of a project, below `proto/`."""
    return [_path(number) for number in range(services)]


def change(root: Path, number: int, revision: int) -> None:
    """Adds a field to a message of one service; each revision is another change."""
    path = root / "proto" / _path(number)
    lines = [line for line in _schema(number) if line != "  int64 count = 2;"]
    place = next(index for index, line in enumerate(lines) if line.startswith("  string id = 1;"))
    lines.insert(place + 1, f"  int64 count_{revision} = 2;")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _package(number: int) -> str:
    return f"corp.team{number // _IN_A_TEAM}.part{number}.v1"


def _path(number: int) -> str:
    return f"{_package(number).replace('.', '/')}/part{number}.proto"


def _schema(number: int) -> Iterator[str]:
    yield 'syntax = "proto3";'
    yield f"package {_package(number)};"
    yield 'import "google/protobuf/timestamp.proto";'
    yield 'import "protonats/v1/options.proto";'
    yield f"// The part of the platform with number {number}."
    yield f"service Part{number}Service {{"
    if number:
        called = f"{_package(number - 1)}.Part{number - 1}Service"
        yield f'  option (protonats.v1.service) = {{calls: ["{called}"]}};'
    for method in range(METHODS):
        yield f"  // Does thing {method}."
        yield f"  rpc DoThing{method}(DoThing{method}Request) returns (DoThing{method}Response);"
    yield "}"
    for method in range(METHODS):
        yield from _messages(method)


def _messages(method: int) -> Iterator[str]:
    yield f"// Asks for thing {method}."
    yield f"message DoThing{method}Request {{"
    yield "  // Which one."
    yield "  string id = 1;"
    yield "  int64 count = 2;"
    yield f"  Item{method} item = 3;"
    yield "}"
    yield f"// Tells of thing {method}."
    yield f"message DoThing{method}Response {{"
    yield f"  repeated Item{method} items = 1;"
    yield "  google.protobuf.Timestamp at = 2;"
    yield "  map<string, string> labels = 3;"
    yield "}"
    yield f"// Item {method}."
    yield f"message Item{method} {{"
    yield "  string name = 1;"
    yield "  oneof value {"
    yield "    string text = 2;"
    yield "    double number = 3;"
    yield "  }"
    yield "}"
