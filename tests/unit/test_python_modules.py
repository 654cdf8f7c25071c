"""Which Python module a schema becomes, and how others import it."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protoc_gen_nats.python_modules import (
    PythonOptions,
    importable,
    is_importable,
    relative_module,
    split_module,
)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("acme.v1.quest_pb2", "acme.v1.quest_pb2"),
        ("import.x_pb2", "import_.x_pb2"),
        ("2024.1_pb2", "_2024._1_pb2"),
        ("my dir.x+y_pb2", "my_dir.x_y_pb2"),
        ("match.type.x_pb2", "match.type.x_pb2"),
        ("größe.x_pb2", "größe.x_pb2"),
        ("\ufb01le.x_pb2", "file.x_pb2"),
        ("\U0001018a.x_pb2", "_.x_pb2"),
    ],
)
def test_the_nearest_name_that_can_be_imported(module: str, name: str) -> None:
    assert importable(module) == name
    assert is_importable(module) == (module == name)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="."), min_size=1))
def test_it_can_always_be_imported(name: str) -> None:
    found = importable(name)

    assert found.isidentifier()
    assert not keyword.iskeyword(found)
    assert importable(found) == found


@pytest.mark.parametrize(
    ("module", "within", "written"),
    [
        ("a.b.c_pb2", "a.b", (".", "c_pb2")),
        ("a.b.c_pb2", "a.b.d", ("..", "c_pb2")),
        ("a.c.d_pb2", "a.b", ("..c", "d_pb2")),
        ("e.f_pb2", "a.b", ("...e", "f_pb2")),
        ("f_pb2", "a.b", ("...", "f_pb2")),
        ("a.b_pb2", "", (".a", "b_pb2")),
        ("b_pb2", "", (".", "b_pb2")),
        ("a.a.a_pb2", "a", (".a", "a_pb2")),
    ],
)
def test_relative_imports(module: str, within: str, written: tuple[str, str]) -> None:
    assert split_module(relative_module(module, within=within)) == written


def test_absolute_imports_are_split_at_the_last_part() -> None:
    assert split_module("a.b.c_pb2") == ("a.b", "c_pb2")
    assert split_module("c_pb2") == ("", "c_pb2")


def test_all_modules_are_below_the_prefix() -> None:
    python = PythonOptions(package_prefix="acme.gen")

    assert python.messages("import/x-y.proto") == "acme.gen.import_.x_y_pb2"
    assert python.services("x.protodevel") == "acme.gen.x_nats"
