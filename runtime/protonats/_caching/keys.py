"""What makes two requests the same for the cache of a method."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from google.protobuf.message import Message

KeyOf: TypeAlias = Callable[[Message], bytes]


def key_of(request: type[Message], fields: tuple[str, ...]) -> KeyOf:
    """The function that makes the key of a request: its bytes, or those of some of its fields.

    A field that is not set differs from one that is set to its default, where the schema can tell
    the two apart. The order in which a map was filled makes no difference.

    Args:
        request: The class of the requests.
        fields: The names of the fields that make the key; none: the whole request.
    """
    if not fields:
        return _whole
    others = [field.name for field in request.DESCRIPTOR.fields if field.name not in fields]

    def key(message: Message) -> bytes:
        part = request()
        part.CopyFrom(message)
        for name in others:
            part.ClearField(name)
        part.DiscardUnknownFields()
        return part.SerializeToString(deterministic=True)

    return key


def _whole(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)
