"""Builds `protonats/v1/options_pb2`, the one message module that is committed and shipped.

Messages of a schema are compiled by whoever uses it. The options are different: they must be
importable with every protobuf version that the runtime supports, and a message module refuses to
load with a protobuf older than its compiler. So the oldest supported compiler builds it, in an
environment that is thrown away: `make options`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

__all__ = ["main"]

COMPILER = "grpcio-tools==1.71.2"
"""The newest release that carries protoc 29, whose output protobuf 5.29 and later can load."""

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = "protonats/v1/options.proto"

EXTENDEES = {"service": "ServiceOptions", "method": "MethodOptions", "event": "MessageOptions"}
VALUES = {"service": "ServiceOptions", "method": "MethodOptions", "event": "EventOptions"}


def typed_stub(stub: str) -> str:
    """What protoc's own stub lacks: the types of the extensions, and of mappings."""
    stub = re.sub(r"\b_Mapping\b(?!\[)(?=\])", "_Mapping[str, object]", stub)
    for name, extendee in EXTENDEES.items():
        stub = stub.replace(
            f"\n{name}: _descriptor.FieldDescriptor\n",
            f"\n{name}: _extension_dict._ExtensionFieldDescriptor"
            f"[_descriptor_pb2.{extendee}, {VALUES[name]}]\n",
        )
    imported = "from google.protobuf.internal import containers as _containers\n"
    added = "from google.protobuf.internal import extension_dict as _extension_dict\n"
    constants = re.compile(r"^(\w+_FIELD_NUMBER): _ClassVar\[int\]$", re.MULTILINE)
    return constants.sub(r"\1: int", stub.replace(imported, imported + added))


def main() -> int:
    """Writes the module and its stub into `runtime/`."""
    target = ROOT / "runtime" / Path(SCHEMA).parent
    with tempfile.TemporaryDirectory(prefix="protonats-options-") as scratch:
        environment = Path(scratch, "venv")
        venv.create(environment, with_pip=True)
        python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", COMPILER], check=True)
        protoc = [str(python), "-m", "grpc_tools.protoc", f"--proto_path={ROOT / 'proto'}"]
        outputs = [f"--python_out={scratch}", f"--pyi_out={scratch}"]
        subprocess.run([*protoc, *outputs, SCHEMA], check=True)
        built = Path(scratch, SCHEMA).parent
        target.mkdir(parents=True, exist_ok=True)
        (target / "options_pb2.py").write_bytes((built / "options_pb2.py").read_bytes())
        stub = (built / "options_pb2.pyi").read_text(encoding="utf-8")
        (target / "options_pb2.pyi").write_text(typed_stub(stub), encoding="utf-8")
    print(f"wrote {(target / 'options_pb2.py').relative_to(ROOT)} and its stub with {COMPILER}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
