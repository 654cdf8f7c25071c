"""Python source that black leaves as it is.

Whatever can be long is either measured here, or written one item a line behind a trailing comma, which
black keeps.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "WIDTH",
    "class_header",
    "docstring",
    "from_import",
    "literal_type",
    "optional_literal_type",
    "string_literal",
]

WIDTH = 88
"""Columns of a line, black's default."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def string_literal(text: str) -> str:
    """A string literal in double quotes."""
    return '"' + "".join(_ESCAPES.get(char) or _printable(char) for char in text) + '"'


def docstring(text: str, indent: int) -> str:
    """A docstring with `indent` spaces before its further lines; its first line has none.

    Args:
        text: What it says; may be empty, hold quotes, backslashes and control characters.
        indent: Spaces.
    """
    margin = " " * indent
    lines = [_docstring_line(line).rstrip() for line in text.strip().splitlines()]
    if not lines:
        return '""""""'
    one_line = f'"""{lines[0]}"""'
    if len(lines) == 1 and len(one_line) + indent <= WIDTH:
        return one_line
    body = "\n".join(margin + line if line and index else line for index, line in enumerate(lines))
    return f'"""{body}\n{margin}"""'


def _docstring_line(line: str) -> str:
    escaped = line.expandtabs(4).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    return "".join(map(_printable, escaped))


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def literal_type(names: Sequence[str], indent: int, used: int) -> str:
    """`_Literal["a", "b"]`, one name a line if it is long.

    Args:
        names: The values; at least one.
        indent: Spaces before the line that it stands in.
        used: Columns that the rest of that line takes.
    """
    values = [string_literal(name) for name in names]
    line = f"_Literal[{', '.join(values)}]"
    if indent + used + len(line) <= WIDTH:
        return line
    margin = " " * indent
    comma = "," if len(values) > 1 else ""
    body = f"{comma}\n".join(f"{margin}    {value}" for value in values)
    return f"_Literal[\n{body}{comma}\n{margin}]"


def optional_literal_type(names: Sequence[str], indent: int) -> str:
    """`_Literal["a", "b"] | None` behind the `) -> ` of a signature that is `indent` spaces in."""
    line = f"_Literal[{', '.join(map(string_literal, names))}] | None"
    if indent + len(f") -> {line}: ...") <= WIDTH:
        return line
    margin = " " * (indent + 4)
    type_ = literal_type(names, indent + 4, 0)
    return f"(\n{margin}{type_}\n{margin}| None\n{' ' * indent})"


def class_header(name: str, bases: Sequence[str], indent: int = 0) -> str:
    """`class name(bases):`, on several lines if it is long."""
    line = f"class {name}({', '.join(bases)}):"
    if len(line) + indent <= WIDTH:
        return line
    margin = " " * indent
    items = "".join(f"{margin}    {base},\n" for base in bases)
    return f"class {name}(\n{items}{margin}):"


def from_import(module: str, name: str, alias: str | None = None) -> str:
    """`from module import name as alias`, on several lines if it is long."""
    item = f"{name} as {alias}" if alias and alias != name else name
    line = f"from {module} import {item}" if module else f"import {item}"
    if len(line) <= WIDTH or not module:
        return line
    return f"from {module} import (\n    {item},\n)"
