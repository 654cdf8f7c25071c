"""The protoc plugin: a request on standard input, a response on standard output, nothing else.

It reads no file but the templates that it is told to use, no clock and no environment: the same
request gives the same bytes everywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import Edition
from google.protobuf.message import DecodeError

from protoc_gen_nats import __version__
from protoc_gen_nats.building.schema import build
from protoc_gen_nats.errors import Place, Problem, Severity, UserError
from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.model import Schema
from protoc_gen_nats.options import PluginOptions, parse_parameter
from protoc_gen_nats.rendering.templates import with_templates_of
from protoc_gen_nats.rules.modules import check_imports
from protoc_gen_nats.rules.schema_set import check_complete, check_subjects
from protoc_gen_nats.targets import extra, python
from protonats.v1 import options_pb2

__all__ = ["main", "run"]

_HELP = f"""\
protoc-gen-nats {__version__}, a plugin that protoc and buf start; for people: `protonats --help`.
Call it as `protoc $(protonats includes) -I <folder> --nats_out=<folder> <schemas>`."""


def run(request: bytes, warn: Callable[[Problem], None] = lambda _: None) -> bytes:
    """Answers a serialized CodeGeneratorRequest with a serialized CodeGeneratorResponse.

    What is wrong in a schema or in the parameter stands in the response's `error`, one problem a
    line.

    Args:
        request: The request.
        warn: Gets what is probably not meant, and stops nothing.
    """
    response = CodeGeneratorResponse(
        supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
        | CodeGeneratorResponse.FEATURE_SUPPORTS_EDITIONS,
        minimum_edition=Edition.EDITION_PROTO2,
        maximum_edition=Edition.EDITION_2024,
    )
    try:
        _generate(CodeGeneratorRequest.FromString(request), response, warn)
    except UserError as error:
        response.error = str(error)
    return response.SerializeToString()


def _generate(
    request: CodeGeneratorRequest, response: CodeGeneratorResponse, warn: Callable[[Problem], None]
) -> None:
    options = parse_parameter(request.parameter)
    complete = options.set == "complete"
    # A workspace may hold the options beside its own schemas; their module is the runtime's.
    files = [path for path in request.file_to_generate if path != options_pb2.DESCRIPTOR.name]
    schema = build(request.proto_file, files, complete=complete, python=options.python)
    problems = [*check_subjects(schema), *check_imports(request.proto_file, files)]
    if complete:
        problems.extend(check_complete(schema))
    if errors := [one for one in problems if one.severity is Severity.ERROR]:
        raise UserError(errors)
    for warning in sorted(problems):
        warn(warning)
    with _templates(options):
        for file in _files(options, schema):
            response.file.add(name=file.path, content=file.content.decode())


def _files(options: PluginOptions, schema: Schema) -> Iterator[GeneratedFile]:
    if options.target == "extra":
        yield from extra.render(schema)
        return
    folder = "".join(f"{part}/" for part in options.package_prefix.split(".") if part)
    for file in (*python.render(schema), *python.render_aliases(schema)):
        # The output folder is that of the package: those around it are the user's.
        if file.path.startswith(folder):
            yield replace(file, path=file.path.removeprefix(folder))


def _templates(options: PluginOptions) -> AbstractContextManager[None]:
    if not options.templates:
        return nullcontext()
    place = Place("--nats_opt")
    return with_templates_of(Path(options.templates), options.templates, place)


def _print_warning(problem: Problem) -> None:
    print(f"warning: {problem}", file=sys.stderr)


def main() -> None:
    """The program `protoc-gen-nats`."""
    if sys.argv[1:] in (["-h"], ["--help"], ["--version"]):
        print(_HELP)
        return
    if sys.argv[1:] or sys.stdin.isatty():
        sys.exit(_HELP)
    try:
        response = run(sys.stdin.buffer.read(), _print_warning)
    except DecodeError:
        sys.exit(
            "protoc-gen-nats: standard input is no CodeGeneratorRequest: let protoc start this"
            " program (--nats_out=<folder>), or buf"
        )
    sys.stdout.buffer.write(response)


if __name__ == "__main__":
    main()
