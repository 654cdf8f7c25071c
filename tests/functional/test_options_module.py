"""`protonats.v1.options_pb2`, which is committed, against the schema that it is built from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2

from protonats.v1 import options_pb2

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = "protonats/v1/options.proto"


def test_it_says_what_the_schema_says(tmp_path: Path) -> None:
    output = tmp_path / "set.binpb"
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}"]
    subprocess.run([*protoc, f"--descriptor_set_out={output}", SCHEMA], check=True, timeout=60)
    (schema,) = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file

    built = descriptor_pb2.FileDescriptorProto()
    options_pb2.DESCRIPTOR.CopyToProto(built)

    # The JSON names are protoc's to add, to the one and not to the other.
    for message in schema.message_type:
        for field in message.field:
            field.ClearField("json_name")
    for extension in schema.extension:
        extension.ClearField("json_name")
    assert built == schema, "run `make options`"


def test_its_stub_has_every_message_and_field() -> None:
    stub = Path(options_pb2.__file__).with_suffix(".pyi").read_text(encoding="utf-8")

    for message in options_pb2.DESCRIPTOR.message_types_by_name.values():
        _, _, rest = stub.partition(f"class {message.name}(_message.Message):")
        body, _, _ = rest.partition("\nclass ")
        missing = [field.name for field in message.fields if f"    {field.name}: " not in body]
        assert missing == [], f"{message.name}: run `make options`"
