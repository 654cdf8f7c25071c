"""The rules of messages, compared with those of `buf breaking`."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from itertools import product
from pathlib import Path

import pytest

from protoc_gen_nats.comparing.compare import compare
from protoc_gen_nats.comparing.sources import other
from tests.schemas import compile_schemas, write_schema

BUF = Path(sysconfig.get_path("scripts"), "buf")
CONFIG = {"version": "v2", "breaking": {"use": ["WIRE", "WIRE_JSON"]}}
OURS = {
    "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED": "ENUM_VALUE_NAME_FREED",
    "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED": "ENUM_VALUE_REMOVED",
    "ENUM_VALUE_SAME_NAME": "ENUM_VALUE_NAME_CHANGED",
    "FIELD_NO_DELETE_UNLESS_NAME_RESERVED": "FIELD_NAME_FREED",
    "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED": "FIELD_REMOVED",
    "FIELD_SAME_DEFAULT": "FIELD_DEFAULT_CHANGED",
    "FIELD_SAME_JSON_NAME": "FIELD_NAME_CHANGED",
    "FIELD_SAME_NAME": "FIELD_NAME_CHANGED",
    "FIELD_SAME_ONEOF": "FIELD_ONEOF_CHANGED",
    "FIELD_WIRE_COMPATIBLE_CARDINALITY": "FIELD_CARDINALITY_CHANGED",
    "FIELD_WIRE_COMPATIBLE_TYPE": "FIELD_TYPE_CHANGED",
    "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY": "FIELD_CARDINALITY_CHANGED",
    "FIELD_WIRE_JSON_COMPATIBLE_TYPE": "FIELD_JSON_TYPE_CHANGED",
    "FILE_SAME_PACKAGE": "PACKAGE_CHANGED",
    "MESSAGE_SAME_REQUIRED_FIELDS": "FIELD_REQUIRED_CHANGED",
    "RESERVED_ENUM_NO_DELETE": "RESERVED_REMOVED",
    "RESERVED_MESSAGE_NO_DELETE": "RESERVED_REMOVED",
    "RPC_SAME_CLIENT_STREAMING": "METHOD_KIND_CHANGED",
    "RPC_SAME_REQUEST_TYPE": "METHOD_REQUEST_CHANGED",
    "RPC_SAME_RESPONSE_TYPE": "METHOD_RESPONSE_CHANGED",
    "RPC_SAME_SERVER_STREAMING": "METHOD_KIND_CHANGED",
}
"""What we call the rules of buf."""


class Case:
    """Two states of schemas, as images."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, path: str, before: str, after: str) -> None:
        """Adds a schema in both states."""
        for state, text in (("before", before), ("after", after)):
            write_schema(self._root / state, path, text)

    def images(self) -> tuple[Path, Path]:
        """The images of both states."""
        images = []
        for state in ("before", "after"):
            image = self._root / f"{state}.binpb"
            image.write_bytes(compile_schemas(self._root / state).SerializeToString())
            images.append(image)
        return images[0], images[1]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def ours(before: Path, after: Path) -> list[tuple[str, str]]:
    """The paths and rules of our findings."""
    root = before.parent
    found = compare(other(root, str(before)), other(root, str(after)))
    return sorted((finding.place.path, finding.rule.name) for finding in found)


def of_buf(before: Path, after: Path) -> list[dict[str, str]]:
    """The findings of buf."""
    command: list[str | Path] = [
        BUF,
        "breaking",
        after,
        "--against",
        before,
        "--error-format",
        "json",
    ]
    command += ["--config", json.dumps(CONFIG)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode in (0, 100), result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def rules_of_buf(findings: list[dict[str, str]]) -> list[tuple[str, str]]:
    """The paths of the findings of buf, and what we call their rules."""
    wire = {(one["path"], one["start_line"]) for one in findings if "WIRE_COMPAT" in one["type"]}
    names = [
        (one["path"], OURS[one["type"]])
        for one in findings
        # A type that the wire already refuses is one finding.
        if one["type"] != "FIELD_WIRE_JSON_COMPATIBLE_TYPE"
        or (one["path"], one["start_line"]) not in wire
    ]
    return sorted(set(names))


TYPES = [
    *("double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64"),
    *("fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes"),
    *("Colour", "WarmColour", "One", "Other"),
]
DECLARED = """
enum Colour { A = 0; B = 1; }
enum WarmColour { C = 0; D = 1; E = 2; }
message One {}
message Other {}
"""


def test_every_type_becomes_every_other_as_buf_allows(case: Case) -> None:
    pairs = list(product(TYPES, TYPES))
    texts = []
    for side in (0, 1):
        fields = "".join(f"{p[side]} f{n} = {n};" for n, p in enumerate(pairs, 1))
        texts.append(f'syntax = "proto3"; package acme.v1; {DECLARED} message M {{ {fields} }}')
    case.write("acme/v1/types.proto", *texts)
    before, after = case.images()

    allowed: dict[int, set[str]] = {}
    for finding in of_buf(before, after):
        number = int(re.search(r'Field "(\d+)"', finding["message"])[1])  # type: ignore[index]
        allowed.setdefault(number, set()).add(finding["type"])
    expected = {
        pairs[number - 1]: (
            "FIELD_TYPE_CHANGED"
            if "FIELD_WIRE_COMPATIBLE_TYPE" in rules
            else "FIELD_JSON_TYPE_CHANGED"
        )
        for number, rules in allowed.items()
    }
    found = compare(other(before.parent, str(before)), other(before.parent, str(after)))
    assert len(expected) > 250
    assert {
        pairs[int(one.element.rpartition(".f")[2]) - 1]: one.rule.name for one in found
    } == expected


CARDINALITIES = {
    "proto3": ["", "optional", "repeated", "map<string,"],
    "proto2": ["optional", "required", "repeated", "map<string,"],
}


@pytest.mark.parametrize("syntax", CARDINALITIES)
@pytest.mark.parametrize("kind", ["int32", "string", "One"])
def test_every_cardinality_becomes_every_other_as_buf_allows(
    case: Case, syntax: str, kind: str
) -> None:
    for number, (one, two) in enumerate(product(CARDINALITIES[syntax], repeat=2)):
        texts = [
            f'syntax = "{syntax}"; package acme.p{number}.v1; message One {{}}'
            f" message M {{ {label} {kind}{'>' * label.startswith('map')} f = 1; }}"
            for label in (one, two)
        ]
        case.write(f"acme/p{number}.proto", *texts)
    before, after = case.images()

    of_both = rules_of_buf(of_buf(before, after))
    # Of a field that became required buf reports the message too.
    expected = [one for one in of_both if one[1] != "FIELD_REQUIRED_CHANGED"]
    assert expected
    assert sorted(set(ours(before, after))) == expected


CHANGES = {
    "nothing": ("message M { int32 a = 1; }", "message M { int32 a = 1; string b = 2; }"),
    "field gone": ("message M { int32 a = 1; }", "message M {}"),
    "number reserved": ("message M { int32 a = 1; }", "message M { reserved 1; }"),
    "in a range": ("message M { int32 a = 5; }", "message M { reserved 1 to 9, 12; }"),
    "name reserved": ("message M { int32 a = 1; }", 'message M { reserved "a"; }'),
    "both reserved": ("message M { int32 a = 1; }", 'message M { reserved 1; reserved "a"; }'),
    "renamed": ("message M { int32 a = 1; }", "message M { int32 b = 1; }"),
    "json name": ("message M { int32 a = 1; }", 'message M { int32 a = 1 [json_name = "b"]; }'),
    "number changed": ("message M { int32 a = 1; }", "message M { int32 a = 2; }"),
    "into a oneof": ("message M { int32 a = 1; }", "message M { oneof o { int32 a = 1; } }"),
    "out of a oneof": ("message M { oneof o { int32 a = 1; } }", "message M { int32 a = 1; }"),
    "another oneof": (
        "message M { oneof o { int32 a = 1; } }",
        "message M { oneof p { int32 a = 1; } }",
    ),
    "optional": ("message M { int32 a = 1; }", "message M { optional int32 a = 1; }"),
    "range freed": ("message M { reserved 1 to 5; }", "message M { reserved 2 to 4; }"),
    "range split": ("message M { reserved 1 to 5; }", "message M { reserved 1 to 2, 3 to 5; }"),
    "range to the end": ("message M { reserved 9 to max; }", "message M { reserved 9 to 99; }"),
    "name freed": ('message M { reserved "a", "b"; }', 'message M { reserved "b"; }'),
    "value gone": ("enum E { A = 0; B = 1; }", "enum E { A = 0; }"),
    "value reserved": ("enum E { A = 0; B = 1; }", 'enum E { A = 0; reserved 1; reserved "B"; }'),
    "value renamed": ("enum E { A = 0; B = 1; }", "enum E { A = 0; C = 1; }"),
    "alias added": (
        "enum E { A = 0; B = 1; }",
        "enum E { option allow_alias = true; A = 0; B = 1; C = 1; }",
    ),
    "alias gone": (
        "enum E { option allow_alias = true; A = 0; B = 1; C = 1; }",
        "enum E { A = 0; B = 1; }",
    ),
    "enum range freed": (
        "enum E { A = 0; reserved 2 to 5, 9; }",
        "enum E { A = 0; reserved 2 to 4, 9; }",
    ),
    "value of a map": (
        "message M { map<string, int32> a = 1; }",
        "message M { map<string, bytes> a = 1; }",
    ),
    "key of a map": (
        "message M { map<int32, int32> a = 1; }",
        "message M { map<int64, int32> a = 1; }",
    ),
    "nested": (
        "message M { message N { int32 a = 1; enum E { A = 0; B = 1; } } }",
        "message M { message N { string a = 1; enum E { A = 0; } } }",
    ),
    "streams": (
        "message M {} service S { rpc A(M) returns (M); rpc B(stream M) returns (stream M); }",
        "message M {} service S { rpc A(M) returns (stream M); rpc B(M) returns (stream M); }",
    ),
    "types of a method": (
        "message M {} message N {} service S { rpc A(M) returns (M); rpc B(M) returns (M); }",
        "message M {} message N {} service S { rpc A(N) returns (M); rpc B(M) returns (N); }",
    ),
}


def test_changes_are_found_as_buf_finds_them(case: Case) -> None:
    for number, bodies in enumerate(CHANGES.values()):
        before, after = (f'syntax = "proto3"; package p{number}.v1; {body}' for body in bodies)
        case.write(f"{number}.proto", before, after)
    case.write(
        "package.proto", 'syntax = "proto3"; package a.v1;', 'syntax = "proto3"; package b.v1;'
    )
    images = case.images()

    names = {f"{number}.proto": name for number, name in enumerate(CHANGES)}
    found, expected = (
        sorted({(names.get(path, path), rule) for path, rule in rules})
        for rules in (ours(*images), rules_of_buf(of_buf(*images)))
    )
    assert len(expected) > 25
    assert found == expected


def test_changes_of_proto2_and_editions_are_found_as_buf_finds_them(case: Case) -> None:
    old = """syntax = "proto2"; package acme.v1;
      message M {
        optional int32 a = 1 [default = 1];
        optional string b = 2 [default = "x"];
        required int32 c = 3;
        optional int32 d = 4;
        optional group E = 5 { optional int32 f = 1; }
      }
    """
    new = """syntax = "proto2"; package acme.v1;
      message M {
        optional int32 a = 1 [default = 2];
        optional string b = 2;
        optional int32 c = 3;
        required int32 d = 4;
        optional group E = 5 { optional bytes f = 1; }
        required int32 g = 6;
      }
    """
    case.write("proto2.proto", old, new)
    edition = 'edition = "2023"; package acme.v2; message M { %s } message N {}'
    case.write(
        "edition.proto",
        edition % "N a = 1; int32 b = 2 [features.field_presence = LEGACY_REQUIRED];",
        edition % "N a = 1 [features.message_encoding = DELIMITED]; int32 b = 2;",
    )
    images = case.images()

    expected = rules_of_buf(of_buf(*images))
    assert len(expected) >= 5
    assert sorted(set(ours(*images))) == expected
