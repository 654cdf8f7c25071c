"""A schema of thousands of lines, some of them very long."""

from __future__ import annotations

import ast
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorResponse

from protoc_gen_nats import plugin
from tests.schemas import code_generator_request, write_schema

LONG = "x" * 20_000


def test_five_thousand_lines(tmp_path: Path) -> None:
    lines = ['syntax = "proto3";', "package acme.large.v1;", f"// {LONG}", "service LargeService {"]
    lines += [f"  rpc Get{n}(M{n}) returns (stream M{n});" for n in range(700)] + ["}"]
    for n in range(700):
        lines += [f"// Message {n}.", f"message M{n} {{", f"  string a{n} = 1; // {n}"]
        lines += [f"  M{(n + 1) % 700} next = 2;", "  repeated int32 many = 3;", "}"]
    lines.append(f"message {LONG[:5000]} {{}}")
    assert len(lines) > 4900
    write_schema(tmp_path, "acme/large/v1/large.proto", "\n".join(lines))

    answer = plugin.run(code_generator_request(tmp_path).SerializeToString())

    response = CodeGeneratorResponse.FromString(answer)
    assert not response.error
    texts = {file.name.rpartition(".")[2]: file.content for file in response.file}
    classes = {kind: names_of_classes(text) for kind, text in texts.items()}
    assert len(classes["pyi"]) == 701
    assert classes["py"] == [f"LargeService{kind}" for kind in ("Methods", "Client", "Server")]
    assert LONG in texts["py"]


def names_of_classes(text: str) -> list[str]:
    """The classes of a module."""
    return [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
