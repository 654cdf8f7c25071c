"""`docs/ir.md` says what `model/` says: the contract with templates of users.

`pytest tests/golden --update-golden` rewrites what stands between its two marks.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType

from protoc_gen_nats import errors, field_rules, model, python_modules
from protoc_gen_nats.model import messages, policies, services
from tests.projects import ROOT

PAGE = ROOT / "docs/ir.md"
BEGIN, END = "<!-- begin of the reference -->\n", "<!-- end of the reference -->\n"
MODULES = (messages, policies, services, field_rules, python_modules, errors)
BESIDE_MODEL = ("FieldRules", "Place", "PythonOptions")
"""What the IR is made of beside what `model/` declares."""


def test_the_reference_is_that_of_the_model(update_golden: bool) -> None:
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    expected = head + BEGIN + reference() + END + tail

    if update_golden:
        PAGE.write_text(expected, encoding="utf-8")
    assert page == expected or update_golden


def test_every_name_is_explained() -> None:
    for node in nodes():
        assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_the_version_is_that_of_the_page() -> None:
    assert f"version {model.IR_VERSION} of the IR" in PAGE.read_text(encoding="utf-8")


def nodes() -> Iterator[ast.ClassDef]:
    """The classes of the IR, the outermost first."""
    found = {
        node.name: node
        for module in MODULES
        for node in _tree(module).body
        if isinstance(node, ast.ClassDef)
    }
    names = [name for name in model.__all__ if name in found and name != "IR_VERSION"]
    first = ["Schema", "File", "Service", "Method", "Event", "Consumer", "Bucket", "Message"]
    rest = sorted({*names, *BESIDE_MODEL} - {*first})
    yield from (found[name] for name in [*first, *rest] if name in found)


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def reference() -> str:
    """The classes, their fields and what they say about themselves."""
    return "\n".join(_class(node) for node in nodes())


def _class(node: ast.ClassDef) -> str:
    lines = [f"### {node.name}", "", _text(ast.get_docstring(node) or ""), ""]
    rows = [
        *_attributes(node.body),
        *(
            (f"`{part.name}`", _type(part.returns), _text(ast.get_docstring(part) or ""))
            for part in node.body
            if isinstance(part, ast.FunctionDef)
            and any(ast.unparse(one) == "property" for one in part.decorator_list)
        ),
    ]
    lines += ["| | type | |", "|---|---|---|"]
    lines += ["| " + " | ".join(row).rstrip() + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _attributes(body: list[ast.stmt]) -> Iterator[tuple[str, str, str]]:
    """Each attribute with the text below it."""
    for part, after in zip(body, [*body[1:], None], strict=True):
        text = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = _text(inspect.cleandoc(str(after.value.value)))
        if isinstance(part, ast.AnnAssign):
            yield f"`{ast.unparse(part.target)}`", _type(part.annotation), text
        elif isinstance(part, ast.Assign):
            yield f"`{ast.unparse(part.targets[0])}`", f"`{ast.unparse(part.value)}`", text


def _type(node: ast.expr | None) -> str:
    return f"`{ast.unparse(node)}`".replace("|", "\\|") if node else ""


def _text(docstring: str) -> str:
    return " ".join(docstring.split()).replace("|", "\\|")
