"""Generated Python is laid out as black lays it out, whatever the length of names."""

from __future__ import annotations

import black
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protoc_gen_nats.rendering.layout import (
    WIDTH,
    TypeExpr,
    annotated,
    assigned,
    assigned_width,
    call,
    class_header,
    from_import,
    numbered,
    parameter,
    property_header,
    re_export,
    tuple_argument,
)

# Most lengths are near the limit, where the layout changes.
LENGTHS = st.one_of(st.integers(1, 100), st.integers(40, 90))
NAMES = LENGTHS.map(lambda length: "n" * length)
TYPE_NAMES = st.one_of(NAMES, st.builds("{}.{}".format, NAMES, NAMES))
PLAIN = TYPE_NAMES.map(TypeExpr)
GENERIC = st.one_of(
    PLAIN.map(lambda value: TypeExpr("_Repeated", (value,))),
    PLAIN.map(lambda value: TypeExpr("_Map", (TypeExpr("str"), value))),
)
LITERAL = st.lists(NAMES.map(lambda name: TypeExpr(f'"{name}"')), min_size=1, max_size=4).map(
    lambda values: TypeExpr("_Literal", tuple(values))
)
OPTIONAL = st.one_of(PLAIN, GENERIC, LITERAL).map(
    lambda type_: TypeExpr(type_.name, type_.arguments, optional=True)
)
many = settings(max_examples=60, deadline=None)


def assert_stable(source: str, *, stub: bool) -> None:
    """Asserts that black leaves a file as it is."""
    assert black.format_str(source, mode=black.Mode(is_pyi=stub)) == source


@many
@given(NAMES, st.one_of(PLAIN, GENERIC, LITERAL), st.booleans())
def test_signatures(name: str, type_: TypeExpr, stub: bool) -> None:
    after, body = (": ...", "") if stub else (":", '\n        """Text."""')
    assert_stable(
        "class A:\n    def f(\n        self,\n"
        f"        {parameter(name, type_, 8)}\n"
        f"    {annotated(type_, ') -> ', after, 4)}{body}\n",
        stub=stub,
    )


@many
@given(NAMES, OPTIONAL)
def test_optional_types(name: str, type_: TypeExpr) -> None:
    assert_stable(
        "class A:\n    def f(\n        self,\n"
        f"        {parameter(name, type_, 8, '...')}\n"
        f"    {annotated(type_, ') -> ', ': ...', 4)}\n",
        stub=True,
    )


@many
@given(NAMES, st.one_of(PLAIN, GENERIC))
def test_properties(name: str, type_: TypeExpr) -> None:
    header = property_header(name, type_, 4)
    assert_stable(f'class A:\n    @property\n    {header}\n        """Text."""\n', stub=True)


@many
@given(NAMES, PLAIN, st.integers(0, 2**29))
def test_attributes(name: str, type_: TypeExpr, number: int) -> None:
    assert_stable(
        f"class A:\n    {annotated(type_, f'{name}: ', '', 4)}\n"
        f"    {numbered(type_, name, number, 4)}\n",
        stub=True,
    )


@many
@given(NAMES, st.one_of(GENERIC, PLAIN))
def test_extensions(name: str, type_: TypeExpr) -> None:
    extension = TypeExpr("_ExtensionFieldDescriptor", (TypeExpr("_pb2.Options"), type_))
    assert_stable(f"{annotated(extension, f'{name}: ', '', 0)}\n", stub=True)


@many
@given(NAMES, PLAIN)
def test_what_is_indented_later_is_laid_out_for_less_width(name: str, type_: TypeExpr) -> None:
    header = property_header(name, type_, 4, WIDTH - 4)
    inner = f'class B:\n    @property\n    {header}\n        """Text."""'.replace("\n", "\n    ")
    assert_stable(f"class A:\n    {inner}\n", stub=True)


@many
@given(NAMES)
def test_constants(name: str) -> None:
    value = '_codegen.MethodInfo(\n        name="Make",\n    )'
    assert_stable(f"class A:\n{assigned(value, name, 4)}", stub=False)


@many
@given(NAMES, st.lists(NAMES, min_size=1, max_size=2))
def test_constants_with_tuples(name: str, items: list[str]) -> None:
    width = assigned_width("Info(", name, 4)
    argument = tuple_argument(items, "fields", 8, width)
    assert_stable(f"class A:\n{assigned(call('Info', [argument], 4), name, 4)}", stub=False)


@many
@given(NAMES, st.lists(st.one_of(PLAIN, GENERIC), min_size=1, max_size=3))
def test_class_headers(name: str, bases: list[TypeExpr]) -> None:
    assert_stable(f"{class_header(name, bases)}\n    a: int\n", stub=True)


@many
@given(st.lists(NAMES, max_size=3))
def test_tuples(items: list[str]) -> None:
    assert_stable(f"f(\n    {tuple_argument(items, 'methods', 4)}\n)\n", stub=False)


@many
@given(TYPE_NAMES, NAMES, st.one_of(st.none(), NAMES))
def test_imports(module: str, name: str, alias: str | None) -> None:
    assert_stable(f"{from_import(module, name, alias)}\n", stub=False)
    assert_stable(f"{from_import('', name, alias)}\n", stub=False)
    assert_stable(f"{re_export(module, [name, 'other'])}\n", stub=True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a" * 40, f"    {'a' * 40}: Final = Info(\n        x=1,\n    )\n"),
        (
            "a" * 73,
            f"    {'a' * 73}: Final = (\n        Info(\n            x=1,\n        )\n    )\n",
        ),
        ("a" * 74, f"    {'a' * 74}: (\n        Final\n    ) = Info(\n        x=1,\n    )\n"),
    ],
)
def test_a_constant_is_broken_no_more_than_it_has_to_be(name: str, text: str) -> None:
    assert assigned("Info(\n        x=1,\n    )", name, 4) == text
