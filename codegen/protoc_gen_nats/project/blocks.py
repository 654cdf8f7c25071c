"""The imports and methods of an implementation, as blocks of lines that a merge keeps apart."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["Block", "Source", "class_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One import or method. Lines count from 0, and `end` is the one behind it."""

    name: str
    """That of the method, or the import itself."""

    start: int
    body: int | None
    """Where the statements of a method begin, if that is a line of its own."""

    end: int

    @property
    def is_method(self) -> bool:
        """Whether it is no import."""
        return not self.name.startswith(("import ", "from "))


class Source:
    """A module with a class.

    Args:
        text: Its source.
        name: The class.

    Raises:
        ValueError: It is no Python, or has no such class.
    """

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.lines = [f"{line}\n" for line in text.removesuffix("\n").split("\n")]
        self.blocks = {block.name: block for block in _blocks(text, self.lines, name)}

    def code(self, name: str) -> str:
        """The lines of a block."""
        block = self.blocks[name]
        return "".join(self.lines[block.start : block.end])

    def names(self) -> list[str]:
        """The blocks in their order."""
        return sorted(self.blocks, key=lambda name: self.blocks[name].start)

    def before(self, name: str, known: Collection[str]) -> str | None:
        """The nearest of some blocks before a block."""
        names = self.names()
        earlier = names[: names.index(name)]
        same = [
            one
            for one in reversed(earlier)
            if one in known and self.blocks[one].is_method == self.blocks[name].is_method
        ]
        return same[0] if same else None

    def without(self, names: Collection[str]) -> str:
        """The source without some blocks, and the blank lines before them."""
        dropped: set[int] = set()
        for name in names:
            block = self.blocks[name]
            start = block.start
            alone = block.is_method or self._is_blank(block.end)
            while alone and start and self._is_blank(start - 1):
                start -= 1
            dropped.update(range(start, block.end))
        return "".join(line for number, line in enumerate(self.lines) if number not in dropped)

    def _is_blank(self, line: int) -> bool:
        return line < len(self.lines) and not self.lines[line].strip()

    def with_block(self, after: str, code: str) -> str:
        """The source with another block behind one of its own."""
        block = self.blocks[after]
        gap = "\n" if block.is_method else ""
        lines = [*self.lines[: block.end], gap + code, *self.lines[block.end :]]
        return "".join(lines)


def class_of(text: str) -> str | None:
    """The first class of a module."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    return next((node.name for node in tree.body if isinstance(node, ast.ClassDef)), None)


def _blocks(text: str, lines: list[str], name: str) -> list[Block]:
    if "\r" in text:
        # Python counts it as the end of a line, and git does not.
        raise ValueError("has a carriage return within a line")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise ValueError(f"is no Python at line {error.lineno}") from error
    blocks = [
        Block(name=ast.unparse(node), start=node.lineno - 1, body=None, end=_end(node))
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    if not classes:
        raise ValueError(f"has no class {name}")
    for node in classes[0].body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = _first(node.body[0])
            begins_line = not lines[body].encode()[: node.body[0].col_offset].strip()
            while begins_line and lines[body - 1].strip()[:1] in ("", "#"):
                body -= 1
            blocks.append(
                Block(
                    name=node.name,
                    start=_first(node),
                    body=body if begins_line else None,
                    end=_end(node),
                )
            )
    return blocks


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)]) - 1


def _end(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno
