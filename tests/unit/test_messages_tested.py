"""Every message that tells a user what is wrong is read by a test or stands in a golden file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from tests.projects import ROOT

GENERATOR = ROOT / "codegen" / "protoc_gen_nats"
TESTS = ROOT / "tests"

TELLING = {
    "BadParameter", "Problem", "StatusError", "UsageError", "UserError.of", "ValueError", "_fail",
    "_report", "fail", "problem", "report", "warn",
}  # fmt: skip
"""What a message is given to."""

_WORDS = 4
"""So many words in a row are found nowhere by accident."""

_SUFFIXES = {".py", ".txt"}
_SKIPPED = {"__pycache__", "expected", "input", "node_modules"}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def test_every_message_is_read_by_a_test() -> None:
    known = _known()
    unread = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for path in sorted(GENERATOR.rglob("*.py"))
        for line, text in messages(path.read_text(encoding="utf-8"))
        if not any(part in known for part in parts(text))
    ]
    assert not unread, "\n".join(["no test reads", *unread])


def test_messages_are_found_where_they_are_given() -> None:
    source = (
        "def check(one):\n"
        "    text = f'{one} is of no use here'\n"
        "    yield Problem(place, text)\n"
        "    text = 'this is another one'\n"
        "    raise UserError.of(text, place)\n"
        "    raise KeyError('not this one, of course')\n"
    )
    assert sorted(messages(source)) == [(3, "is of no use here"), (5, "this is another one")]
    assert parts("one two three four five") == ["one two three four", "two three four five"]


def messages(source: str) -> Iterator[tuple[int, str]]:
    """The longest literal part of each message of two words or more, and its line."""
    tree = ast.parse(source)
    functions = [one for one in ast.walk(tree) if isinstance(one, Function)]
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and _name(node.func) in TELLING):
            continue
        for argument in node.args:
            literals = [
                " ".join(one.value.split())
                for one in ast.walk(_resolved(argument, functions))
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            text = max(literals, key=len, default="")
            if " " in text:
                yield node.lineno, text


def _name(function: ast.expr) -> str:
    name = ast.unparse(function)
    return name if name == "UserError.of" else name.rpartition(".")[2]


def _resolved(argument: ast.expr, functions: list[Function]) -> ast.expr:
    """What a name stands for: what the function gave to it last."""
    if not isinstance(argument, ast.Name):
        return argument
    given = [
        one.value
        for function in functions
        if function.lineno < argument.lineno <= (function.end_lineno or 0)
        for one in ast.walk(function)
        if isinstance(one, ast.Assign) and one.lineno < argument.lineno
        if argument.id in map(ast.unparse, one.targets)
    ]
    return max(given, key=lambda one: one.lineno, default=argument)


def parts(text: str) -> list[str]:
    """What of a message suffices to know it again."""
    words = text.split()
    return [" ".join(words[i : i + _WORDS]) for i in range(max(1, len(words) - _WORDS + 1))]


def _known() -> str:
    """All that tests say: the texts in their modules, and their files."""
    others = (path for path in TESTS.rglob("*") if path.suffix in _SUFFIXES)
    return "\n".join(_said(path) for path in others if not _SKIPPED & set(path.parts))


def _said(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path == Path(__file__):
        return ""
    if path.suffix == ".py":
        nodes = ast.walk(ast.parse(text))
        texts = [one.value for one in nodes if isinstance(one, ast.Constant)]
        text = "\n".join(one for one in texts if isinstance(one, str))
    return " ".join(text.split())
