"""The cases of golden tests, and what the generator makes of them."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorResponse

from protoc_gen_nats import plugin
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.project.project import Project
from tests.schemas import code_generator_request

__all__ = ["CASES", "GOOD_CASES", "generate"]

CASES = sorted(path for path in Path(__file__).with_name("cases").iterdir() if path.is_dir())
GOOD_CASES = [case for case in CASES if not case.name.startswith("error_")]


def generate(case: Path) -> tuple[dict[str, str], str]:
    """The generated files of a case but protoc's own, and what standard error gets."""
    if (case / "protonats.yaml").is_file():
        try:
            rendered = Project(case).render()
        except UserError as error:
            return {}, "".join(f"error: {problem}\n" for problem in error.problems)
        files = {**rendered.owned, **rendered.scaffolds}
        return {p: text.decode() for p, text in files.items() if not p.endswith("_pb2.py")}, ""
    parameter = case / "parameter.txt"
    request = code_generator_request(
        case / "proto", parameter.read_text().strip() if parameter.is_file() else ""
    )
    response = CodeGeneratorResponse.FromString(plugin.run(request.SerializeToString()))
    return {file.name: file.content for file in response.file}, response.error
