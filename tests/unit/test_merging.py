"""Merging implementations: whatever the schemas and the user do, no line of the user is lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.project.merging import add_missing, merge

NAMES = ("make", "find", "list_all", "drop", "watch")
MODULES = ("acme_pb2", "other_pb2", "third_pb2")


def scaffold(methods: Sequence[str], imports: Sequence[str]) -> str:
    """An implementation as it is begun."""
    head = ["from __future__ import annotations", "", "import protonats"]
    head += [f"import {module}" for module in sorted(imports)]
    body = ["", "", "class Service(Base):", '    """Serves."""', "", "    def __init__(self, app):"]
    body.append("        self._app = app")
    for name in methods:
        body += ["", f"    async def {name}(", "        self,", "        request: Request,"]
        body += [
            "    ) -> Response:",
            "        raise protonats.StatusError(",
            f'            "{name}",',
        ]
        body.append("        )")
    return "\n".join([*head, *body]) + "\n"


schemas = st.tuples(
    st.lists(st.sampled_from(NAMES), unique=True), st.lists(st.sampled_from(MODULES), unique=True)
)


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, str, str]:
    """A file as it was begun, as the user has it, and as it would be begun now."""
    base = scaffold(*draw(schemas))
    lines = base.split("\n")[:-1]
    for number in draw(st.lists(st.integers(0, 9))):
        at = draw(st.integers(0, len(lines)))
        indent = " " * draw(st.sampled_from((0, 4, 8)))
        lines.insert(at, f"{indent}mine_{number} = {at}")
    for _ in range(draw(st.integers(0, 3))):
        del lines[draw(st.integers(0, len(lines) - 1))]
    return base, "\n".join(lines) + "\n", scaffold(*draw(schemas))


@settings(max_examples=60, deadline=None)
@given(edits())
def test_no_line_of_the_user_is_lost(versions: tuple[str, str, str]) -> None:
    base, ours, theirs = versions

    merged = merge(base, ours, theirs)

    lines = merged.text.split("\n")
    assert [line for line in ours.split("\n") if "mine_" in line and line not in lines] == []
    assert not [line for line in lines if line.startswith("# ")]
    assert ("<<<<<<< yours" in lines) == bool(merged.conflicts)


@settings(max_examples=60, deadline=None)
@given(schemas, schemas)
def test_what_nobody_touched_becomes_what_would_be_begun_now(
    before: tuple[list[str], list[str]], now: tuple[list[str], list[str]]
) -> None:
    base, theirs = scaffold(*before), scaffold(*now)

    merged = merge(base, base, theirs)

    assert (merged.text, merged.conflicts, merged.kept) == (theirs, 0, ())


@settings(max_examples=60)
@given(schemas, schemas)
def test_without_a_record_lines_are_only_added(
    before: tuple[list[str], list[str]], now: tuple[list[str], list[str]]
) -> None:
    ours, theirs = scaffold(*before), scaffold(*now)

    merged = add_missing(ours, theirs)

    after = iter(merged.text.split("\n"))
    assert all(line in after for line in ours.split("\n"))
    assert all(f"    async def {name}(" in merged.text for name in now[0])


USES = """
    def _third(self):
        return third_pb2.Third()
"""


@pytest.mark.parametrize(
    ("before", "line", "added"),
    [
        ("import third_pb2\n", "import third_pb2; import mine\n", ""),
        ("import third_pb2\n", "import third_pb2  # mine\n", ""),
        ("import third_pb2\n", "import third_pb2\n", USES),
    ],
)
def test_an_import_that_the_user_made_use_of_stays(before: str, line: str, added: str) -> None:
    base, theirs = scaffold(["make"], ["third_pb2"]), scaffold(["make"], [])
    ours = base.replace(before, line) + added

    merged = merge(base, ours, theirs)

    assert (merged.text, merged.conflicts) == (ours, 0)


def test_an_import_that_nobody_uses_any_more_goes() -> None:
    base = scaffold(["make"], ["third_pb2"])
    ours = base.replace('            "make",', '            "third",')

    merged = merge(base, ours, scaffold(["make"], []))

    assert merged.text == ours.replace("import third_pb2\n", "")


def test_a_carriage_return_in_a_line_moves_no_block() -> None:
    base = scaffold(["make", "find"], [])
    ours = base.replace("self._app = app", 'self._app = app\n        self._text = "\r"')

    merged = merge(base, ours.replace('"\r"', '"""a\rb"""'), scaffold(["make"], []))

    assert "async def find" not in merged.text
    assert '"""a\rb"""' in merged.text
    assert "async def make" in merged.text


def test_a_class_that_nothing_would_be_left_of_is_merged_by_lines() -> None:
    base = scaffold(["make"], [])
    head, _, rest = base.partition('    """Serves."""')
    ours = head + rest[rest.index("    async def make") :]

    merged = merge(base, ours, scaffold(["find"], []))

    assert merged.conflicts == 1
    assert "async def make" in merged.text
    assert "async def find" in merged.text


def test_what_git_cannot_merge_is_said() -> None:
    with pytest.raises(UserError, match=r"^git merge-file: .*Cannot merge binary files"):
        merge("a = 1\0\n", "a = 2\0\n", "a = 3\0\n")
