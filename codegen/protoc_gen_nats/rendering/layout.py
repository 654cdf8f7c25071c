"""Python source that black leaves as it is.

Whatever can be long is measured here and broken where black would break it, or is written one item
a line behind a trailing comma, which black keeps. `width` is what a line may hold: less than
black's own where the text is indented as a whole later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "WIDTH",
    "TypeExpr",
    "annotated",
    "assigned",
    "assigned_width",
    "call",
    "class_header",
    "from_import",
    "numbered",
    "parameter",
    "property_header",
    "re_export",
    "tuple_argument",
]

WIDTH = 88
"""Columns of a line, black's default."""


@dataclass(frozen=True, slots=True)
class TypeExpr:
    """A type as it is written: `name`, `name[arguments]`, or one of these `| None`."""

    name: str
    arguments: tuple[TypeExpr, ...] = ()
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.required()} | None" if self.optional else self.required()

    def required(self) -> str:
        """The type without `| None`."""
        return f"{self.name}[{_commas(self.arguments)}]" if self.arguments else self.name


def annotated(type_: TypeExpr, before: str, after: str, indent: int, width: int = WIDTH) -> str:
    """A type behind `name: ` of an attribute or `) -> ` of a signature.

    Args:
        type_: The type.
        before: What stands before it on its line, without the indentation.
        after: What follows it on its line.
        indent: Spaces before the line.
        width: Columns.
    """
    line = f"{before}{type_}{after}"
    if indent + len(line) <= width:
        return line
    if type_.arguments and not type_.optional:
        bracket_fits = indent + len(f"{before}{type_.name}[") <= width
        wrapped = f"{before}{_parentheses(type_, indent, width)}{after}"
        if not bracket_fits and _fits(wrapped, indent, width):
            return wrapped
        return f"{before}{_subscript(type_, indent, width)}{after}"
    if not type_.optional and "." not in type_.name and indent + 4 + len(type_.name) > width:
        return line
    return f"{before}{_parentheses(type_, indent, width)}{after}"


def numbered(type_: TypeExpr, name: str, number: int, indent: int, width: int = WIDTH) -> str:
    """`name: type  # number` of an attribute, without the number if the line is too long for it."""
    line = f"{name}: {type_}  # {number}"
    if indent + len(line) <= width:
        return line
    return annotated(type_, f"{name}: ", "", indent, width)


def parameter(
    name: str, type_: TypeExpr, indent: int, default: str = "", width: int = WIDTH
) -> str:
    """`name: type = default,`, a parameter on a line of its own."""
    before, after = f"{name}: ", f" = {default}," if default else ","
    line = f"{before}{type_}{after}"
    if indent + len(line) <= width or not (type_.optional or type_.arguments):
        return line
    if type_.optional:
        return f"{before}{_parentheses(type_, indent, width)}{after}"
    return f"{before}{_subscript(type_, indent, width)}{after}"


def property_header(name: str, type_: TypeExpr, indent: int, width: int = WIDTH) -> str:
    """`def name(self) -> type:`."""
    line = f"def {name}(self) -> {type_}:"
    if indent + len(line) <= width:
        return line
    margin = " " * indent
    return f"def {name}(\n{margin}    self,\n{margin}" + annotated(
        type_, ") -> ", ":", indent, width
    )


def assigned(value: str, name: str, indent: int) -> str:
    """`name: Final = value`, where `value` is a call of several lines.

    Args:
        value: The call; its lines after the first are indented as if it stood at `indent`.
        name: The constant.
        indent: Spaces before the line.
    """
    margin = " " * indent
    first, newline, rest = value.strip().partition("\n")
    if indent + len(f"{name}: Final = {first}") <= WIDTH:
        return f"{margin}{name}: Final = {first}{newline}{rest}\n"
    if assigned_width(first, name, indent) < WIDTH:
        body = "\n".join(f"    {line}" for line in f"{margin}{first}{newline}{rest}".split("\n"))
        return f"{margin}{name}: Final = (\n{body}\n{margin})\n"
    return f"{margin}{name}: (\n{margin}    Final\n{margin}) = {first}{newline}{rest}\n"


def assigned_width(first: str, name: str, indent: int) -> int:
    """What a line of the value that `assigned` gets may hold: less where it adds an indentation.

    Args:
        first: The first line of the value.
        name: The constant.
        indent: Spaces before the line.
    """
    fits = indent + len(f"{name}: Final = {first}") <= WIDTH
    bracket_fits = indent + len(f"{name}: Final = (") <= WIDTH
    return WIDTH - 4 if bracket_fits and not fits else WIDTH


def call(function: str, arguments: Sequence[str], indent: int) -> str:
    """`function(argument, argument)` on several lines.

    Args:
        function: What is called.
        arguments: Each with its comma, indented as if the call stood at `indent`.
        indent: Spaces before the lines of the arguments, less four.
    """
    margin = " " * indent
    body = "".join(f"{margin}    {argument}\n" for argument in arguments)
    return f"{function}(\n{body}{margin})"


def tuple_argument(items: Sequence[str], name: str, indent: int, width: int = WIDTH) -> str:
    """`name=(item, item),`, an argument on lines of its own."""
    line = f"{name}=({items[0]},)," if len(items) == 1 else f"{name}=(),"
    if len(items) < 2 and indent + len(line) <= width:
        return line
    margin = " " * indent
    body = "".join(f"{margin}    {item},\n" for item in items)
    return f"{name}=(\n{body}{margin}),"


def class_header(name: str, bases: Sequence[TypeExpr], indent: int = 0, width: int = WIDTH) -> str:
    """`class name(bases):`, on several lines if it is long."""
    line = f"class {name}({_commas(bases)}):"
    if len(line) + indent <= width:
        return line
    margin = " " * indent
    items = "".join(f"{margin}    {_line(base, ',', indent + 4, width)}\n" for base in bases)
    return f"class {name}(\n{items}{margin}):"


def from_import(module: str, name: str, alias: str | None = None) -> str:
    """`from module import name as alias`, on several lines if it is long."""
    item = f"{name} as {alias}" if alias and alias != name else name
    line = f"from {module} import {item}" if module else f"import {item}"
    if len(line) <= WIDTH or not module:
        return line
    return f"from {module} import (\n    {item},\n)"


def re_export(module: str, names: Sequence[str]) -> str:
    """An import that makes the names of another module names of this one too."""
    items = "".join(f"    {name} as {name},\n" for name in sorted(names))
    return f"from {module} import (\n{items})"


def _fits(text: str, indent: int, width: int) -> bool:
    return all(len(line) <= width for line in (" " * indent + text).split("\n"))


def _parentheses(type_: TypeExpr, indent: int, width: int) -> str:
    """A type in parentheses, on lines of its own."""
    inner = indent + 4
    margin, outer = " " * inner, " " * indent
    body = str(type_)
    if inner + len(body) > width:
        body = _line(TypeExpr(type_.name, type_.arguments), "", inner, width)
        body += f"\n{margin}| None" if type_.optional else ""
    return f"(\n{margin}{body}\n{outer})"


def _line(type_: TypeExpr, after: str, indent: int, width: int) -> str:
    """A type at the beginning of a line, and what follows it there."""
    if indent + len(f"{type_}{after}") <= width or not type_.arguments:
        return f"{type_}{after}"
    return f"{_subscript(type_, indent, width)}{after}"


def _subscript(type_: TypeExpr, indent: int, width: int) -> str:
    """`name[arguments]`, broken behind the bracket."""
    margin, outer = " " * (indent + 4), " " * indent
    body = _commas(type_.arguments)
    if indent + 4 + len(body) > width and len(type_.arguments) > 1:
        lines = (_line(argument, ",", indent + 4, width) for argument in type_.arguments)
        body = f"\n{margin}".join(lines)
    return f"{type_.name}[\n{margin}{body}\n{outer}]"


def _commas(types: Sequence[TypeExpr]) -> str:
    return ", ".join(map(str, types))
