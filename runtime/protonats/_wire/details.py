"""Code, message and details as a `google.rpc.Status`: the body of section 5 of the protocol."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf import any_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message
from google.rpc import status_pb2


def pack(code: int, message: str, details: Iterable[Message]) -> bytes:
    """A serialized status."""
    # Lone surrogates are refused by protobuf.
    text = message.encode("utf-8", "replace").decode("utf-8")
    status = status_pb2.Status(code=code, message=text)
    for detail in details:
        if isinstance(detail, any_pb2.Any):
            status.details.append(detail)
        else:
            status.details.add().Pack(detail)
    packed: bytes = status.SerializeToString()
    return packed


def unpack(packed: bytes) -> tuple[int, str, list[Message]]:
    """Code, message and details of a serialized status.

    Raises:
        DecodeError: It is none.
    """
    status = status_pb2.Status.FromString(packed)
    return status.code, status.message, [_message(detail) for detail in status.details]


def _message(detail: any_pb2.Any) -> Message:
    """The message in an Any, or the Any itself if this process does not know its type."""
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(detail.TypeName())
        message = message_factory.GetMessageClass(descriptor)()
        message.ParseFromString(detail.value)
    except (KeyError, DecodeError):
        return detail
    return message
