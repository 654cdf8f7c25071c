"""Text of a schema as Python source."""

from __future__ import annotations

import ast
import inspect

import black
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protoc_gen_nats.rendering.text import docstring, string_literal

AWKWARD = "\"'\\\n\t\r\x00\x07\x0b\x1c\x85\xa0\u2028\u202e\u3000{}% a"
TEXTS = st.text(st.one_of(st.sampled_from(AWKWARD), st.characters(exclude_categories=["Cs"])))
LONG = st.builds(lambda length, text: "a" * length + text, st.integers(0, 100), TEXTS)
many = settings(max_examples=200, deadline=None)


@many
@given(LONG)
def test_a_literal_means_the_text(text: str) -> None:
    literal = string_literal(text)

    assert ast.literal_eval(literal) == text
    assert black.format_str(f"{literal}\n", mode=black.Mode(is_pyi=True))
    source = f"f(\n    {literal},\n)\n"
    assert black.format_str(source, mode=black.Mode()) == source


@many
@given(LONG, st.sampled_from([4, 8]))
def test_a_docstring_says_the_text(text: str, indent: int) -> None:
    header = {4: "class A:\n", 8: "class A:\n    def f(self) -> None:\n"}[indent]
    source = f"{header}{' ' * indent}{docstring(text, indent)}\n"

    assert black.format_str(source, mode=black.Mode()) == source
    found = [
        n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef | ast.FunctionDef)
    ]
    said = ast.get_docstring(found[-1])
    assert said is not None
    assert said.strip(" ") == plain(text)


def plain(text: str) -> str:
    """A text with the margins and ends of lines that a docstring has."""
    lines = [line.expandtabs(4).rstrip() for line in text.strip().splitlines()]
    return inspect.cleandoc("\n".join(lines))


@many
@given(TEXTS)
def test_nothing_that_hides_or_turns_text_is_left_in_the_source(text: str) -> None:
    for written in (string_literal(text), docstring(text, 4).replace("\n", "")):
        assert written.isprintable()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", '""""""'),
        ("One line.", '"""One line."""'),
        ('"Quoted"', '""" "Quoted" """'),
        ("Ends with \\", '"""Ends with \\\\"""'),
        ('Three """ quotes', '"""Three \\"\\"\\" quotes"""'),
        ("Two\nlines.", '"""Two\n    lines.\n    """'),
        ("Two\n\n  paragraphs.", '"""Two\n\n    paragraphs.\n    """'),
        ("right \u202eto left", '"""right \\u202eto left"""'),
    ],
)
def test_docstrings(text: str, written: str) -> None:
    assert docstring(text, 4) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [('a "b"', "'a \"b\"'"), ("it's", '"it\'s"'), ("a\x1bb", '"a\\x1bb"'), ("世界", '"世界"')],
)
def test_literals(text: str, written: str) -> None:
    assert string_literal(text) == written
