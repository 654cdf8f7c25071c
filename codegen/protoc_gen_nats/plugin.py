"""The protoc plugin: a request on standard input, a response on standard output, nothing else.

It reads no file, no clock and no environment: the same request gives the same bytes everywhere.
"""

from __future__ import annotations

import sys

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import Edition
from google.protobuf.message import DecodeError

from protoc_gen_nats import __version__
from protoc_gen_nats.building.schema import build
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.options import parse_parameter
from protoc_gen_nats.rules.schema_set import check_complete, check_subjects
from protoc_gen_nats.targets import python

__all__ = ["main", "run"]

_HELP = f"""\
protoc-gen-nats {__version__}, a plugin that protoc and buf start: it takes no arguments.
Call it as `protoc $(protonats includes) -I <folder> --nats_out=<folder> <schemas>`."""


def run(request: bytes) -> bytes:
    """Answers a serialized CodeGeneratorRequest with a serialized CodeGeneratorResponse.

    What is wrong in a schema or in the parameter stands in the response's `error`, one problem a
    line.
    """
    response = CodeGeneratorResponse(
        supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
        | CodeGeneratorResponse.FEATURE_SUPPORTS_EDITIONS,
        minimum_edition=Edition.EDITION_PROTO2,
        maximum_edition=Edition.EDITION_2024,
    )
    try:
        _generate(CodeGeneratorRequest.FromString(request), response)
    except UserError as error:
        response.error = str(error)
    return response.SerializeToString()


def _generate(request: CodeGeneratorRequest, response: CodeGeneratorResponse) -> None:
    options = parse_parameter(request.parameter)
    complete = options.set == "complete"
    schema = build(request.proto_file, request.file_to_generate, complete=complete)
    problems = list(check_subjects(schema))
    if complete:
        problems.extend(check_complete(schema))
    if problems:
        raise UserError(problems)
    for file in python.render(schema):
        response.file.add(name=file.path, content=file.content.decode())


def main() -> None:
    """The program `protoc-gen-nats`."""
    if sys.argv[1:] in (["-h"], ["--help"], ["--version"]):
        print(_HELP)
        return
    if sys.argv[1:] or sys.stdin.isatty():
        sys.exit(_HELP)
    try:
        response = run(sys.stdin.buffer.read())
    except DecodeError:
        sys.exit(
            "protoc-gen-nats: standard input is no CodeGeneratorRequest: let protoc start this"
            " program (--nats_out=<folder>), or buf"
        )
    sys.stdout.buffer.write(response)


if __name__ == "__main__":
    main()
