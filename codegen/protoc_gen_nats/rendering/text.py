"""Text of a schema as Python source: literals and docstrings that black leaves as they are."""

from __future__ import annotations

import inspect

__all__ = ["comment", "docstring", "string_literal"]

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def string_literal(text: str) -> str:
    """A string literal in double quotes, or in single ones if these need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    escapes = {**_ESCAPES, quote: "\\" + quote}
    return quote + "".join(escapes.get(char) or _printable(char) for char in text) + quote


def comment(text: str) -> str:
    """What stands behind a `#`, on one line."""
    return "".join(map(_printable, text))


def docstring(text: str, indent: int) -> str:
    """A docstring with `indent` spaces before its further lines; its first line has none.

    Args:
        text: What it says; may be empty, hold quotes, backslashes and control characters.
        indent: Spaces.
    """
    margin = " " * indent
    plain = "\n".join(line.expandtabs(4).rstrip() for line in text.strip().splitlines())
    lines = [_docstring_line(line) for line in inspect.cleandoc(plain).split("\n")]
    if lines == [""]:
        return '""""""'
    if lines[0].startswith('"'):
        lines[0] = " " + lines[0]
    if len(lines) == 1:
        return f'"""{lines[0]} """' if lines[0].endswith('"') else f'"""{lines[0]}"""'
    body = "\n".join(margin + line if line and index else line for index, line in enumerate(lines))
    return f'"""{body}\n{margin}"""'


def _docstring_line(line: str) -> str:
    escaped = line.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return "".join(map(_printable, escaped))


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
