"""What of protoc's message modules is changed, and that the rest stays as it is."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from protoc_gen_nats.pb2_imports import rewrite_imports
from protoc_gen_nats.python_modules import PythonOptions

PROTO = FileDescriptorProto(
    name="acme/v1/a.proto",
    dependency=["acme/v1/b.proto", "top.proto", "2024/c.proto", "google/protobuf/any.proto"],
    public_dependency=[2],
)
OWN = ["acme/v1/a.proto", "acme/v1/b.proto", "top.proto", "2024/c.proto"]
TEXT = b"""\
# @@protoc_insertion_point(imports)

_sym_db = _symbol_database.Default()


from acme.v1 import b_pb2 as acme_dot_v1_dot_b__pb2
import top_pb2 as top__pb2
from 2024 import c_pb2 as 2024_dot_c__pb2
from google.protobuf import any_pb2 as google_dot_protobuf_dot_any__pb2

from 2024.c_pb2 import *

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(b'\\nDESCRIPTOR = ')

_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, 'acme.v1.a_pb2', _globals)
"""


def imports_of(text: bytes) -> list[str]:
    """The lines that import something."""
    return [line for line in text.decode().split("\n") if line.startswith(("from ", "import "))]


def test_below_a_package() -> None:
    rewritten = rewrite_imports(TEXT, PROTO, OWN, PythonOptions(package_prefix="gen"))

    assert imports_of(rewritten) == [
        "from gen.acme.v1 import b_pb2 as acme_dot_v1_dot_b__pb2",
        "from gen import top_pb2 as top__pb2",
        "from gen._2024 import c_pb2 as __2024_dot_c__pb2",
        "from gen._2024.c_pb2 import *",
        "from google.protobuf import any_pb2 as google_dot_protobuf_dot_any__pb2",
    ]
    assert b"BuildTopDescriptorsAndMessages(DESCRIPTOR, __name__, _globals)" in rewritten
    assert rewritten.startswith(b"# @@protoc_insertion_point(imports)\n\n_sym_db = ")
    assert rewritten.count(b"AddSerializedFile(b'\\nDESCRIPTOR = ')") == 1


def test_relative() -> None:
    rewritten = rewrite_imports(TEXT, PROTO, OWN, PythonOptions(imports="relative"))

    assert imports_of(rewritten) == [
        "from . import b_pb2 as acme_dot_v1_dot_b__pb2",
        "from ... import top_pb2 as top__pb2",
        "from ..._2024 import c_pb2 as __2024_dot_c__pb2",
        "from ..._2024.c_pb2 import *",
        "from google.protobuf import any_pb2 as google_dot_protobuf_dot_any__pb2",
    ]


def test_what_python_can_read_stays_as_protoc_wrote_it() -> None:
    plain = FileDescriptorProto(name="acme/v1/a.proto", dependency=["acme/v1/b.proto"])

    assert rewrite_imports(TEXT, plain, OWN, PythonOptions()) is TEXT
