"""What counts as the same generated file."""

from __future__ import annotations

import pytest

from protoc_gen_nats.project.drift import same_meaning

MODULE = b"""\
# Protobuf Python Version: 5.29.0
from google.protobuf import descriptor_pool as _pool
DESCRIPTOR = _pool.Default().AddSerializedFile(b'\\n\\x04acme')
"""


def test_a_message_module_means_its_descriptor() -> None:
    later = MODULE.replace(b"5.29.0", b"6.30.0").replace(b"_pool", b"_descriptor_pool")

    assert same_meaning("acme/v1/quest_pb2.py", MODULE, later)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("acme/v1/quest_pb2.py", MODULE.replace(b"acme", b"acne")),
        ("acme/v1/quest_pb2.py", b"DESCRIPTOR = None\n"),
        ("acme/v1/quest_pb2.py", b"not ( python"),
        ("acme/v1/quest_pb2.py", b"\x00"),
        ("acme/v1/quest_nats.py", MODULE.replace(b"5.29.0", b"6.30.0")),
    ],
)
def test_anything_else_is_another_file(path: str, other: bytes) -> None:
    assert not same_meaning(path, MODULE, other)
