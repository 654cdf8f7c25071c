"""Typical messages: every request, response and event of the platform, filled in by its schema."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from protonats.v1 import options_pb2

__all__ = ["filled", "kind", "messages_of"]

_DEPTH: Final = 4
_REPEATED: Final = 2
_MOSTLY: Final = 0.5
_IDENTIFIER: Final = re.compile(
    r"(^|_)(id|ids|key|keys|hash|token|etag|version|language|currency|service|model|models|name"
    r"|kind|type|unit|subject|collection|collections|tag|tags|provider|zone|region|operation"
    r"|reference|number|code|sku|cursor|mode|status)$"
)
_WORDS: Final = {
    "currency": ("GOLD", "EUR"),
    "language": ("en-GB", "de"),
    "tags": ("harvest", "night", "northern-pass"),
    "service": ("quest", "npc_behavior"),
}
_TITLES: Final = ("The bell under the ice", "A debt at the northern gate")
_LONG: Final = frozenset({"content", "prompt", "text"})
_SENTENCES: Final = (
    "The last caravan left the northern gate before the snow came.",
    "Nobody in the village speaks of what the miners found below.",
    "Bring the broker three shards of the old bell, and ask no questions.",
    "A lantern burns in the tower, though its keeper died in spring.",
)


def messages_of(file: FileDescriptor) -> Iterator[Descriptor]:
    """The requests, responses and events that a schema declares, each once."""
    sent = {
        message.full_name: message
        for service in file.services_by_name.values()
        for method in service.methods
        for message in (method.input_type, method.output_type)
    }
    for message in file.message_types_by_name.values():
        if message.GetOptions().HasExtension(options_pb2.event):
            sent[message.full_name] = message
    yield from sent.values()


def filled(descriptor: Descriptor) -> Message:
    """A message with a likely value in every field, the same one each time."""
    message = GetMessageClass(descriptor)()
    _fill(message, random.Random(descriptor.full_name), _DEPTH)
    return message


def kind(message: Message) -> str:
    """Which class a message is of: `text` if most of its JSON is prose, `ids` without any, else
    `mixed`."""
    prose = sum(len(text) for text in _prose(message))
    if not prose:
        return "ids"
    whole = len(json_format.MessageToJson(message, indent=None))
    return "text" if prose > _MOSTLY * whole else "mixed"


def _fill(message: Message, dice: random.Random, depth: int) -> None:
    if message.DESCRIPTOR.full_name.startswith("google.protobuf."):
        _fill_known(message, dice)
        return
    chosen = {oneof.fields[0].name for oneof in message.DESCRIPTOR.oneofs}
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof is not None and field.name not in chosen:
            continue
        if field.message_type is not None and (
            not depth or field.message_type is message.DESCRIPTOR
        ):
            continue
        _fill_field(message, field, dice, depth)


def _fill_field(message: Message, field: Any, dice: random.Random, depth: int) -> None:
    value = getattr(message, field.name)
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        of = entry.fields_by_name["value"]
        for _ in range(_REPEATED):
            key = _scalar(entry.fields_by_name["key"], dice)
            if of.message_type is not None:
                _fill(value[key], dice, depth - 1)
            else:
                value[key] = _scalar(of, dice)
    elif entry is not None and field.is_repeated:
        for _ in range(_REPEATED):
            _fill(value.add(), dice, depth - 1)
    elif entry is not None:
        value.SetInParent()
        _fill(value, dice, depth - 1)
    elif field.is_repeated:
        value.extend(_scalar(field, dice) for _ in range(_REPEATED))
    else:
        setattr(message, field.name, _scalar(field, dice))


def _fill_known(message: Any, dice: random.Random) -> None:
    name = message.DESCRIPTOR.name
    if name == "Timestamp":
        message.FromMilliseconds(1_767_225_600_000 + dice.randrange(10**9))
    elif name == "Duration":
        message.FromMilliseconds(dice.randrange(10, 30_000))
    elif name == "Struct":
        message.update({"stage": "explore", "score": dice.randrange(1_000)})
    elif name == "FieldMask":
        message.paths.extend(["title", "level"])
    elif name == "Value":
        message.string_value = "explore"
    elif "value" in message.DESCRIPTOR.fields_by_name and name != "Any":
        field = message.DESCRIPTOR.fields_by_name["value"]
        message.value = _scalar(field, dice)


def _scalar(field: Any, dice: random.Random) -> Any:
    if field.enum_type is not None:
        numbers = [value.number for value in field.enum_type.values if value.number]
        return dice.choice(numbers or [0])
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return dice.randbytes(32)
        if _names(field):
            return _identifier(field, dice)
        if field.name in _LONG:
            return " ".join(_SENTENCES)
        return dice.choice(_TITLES if field.name.endswith("title") else _SENTENCES)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return True
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return round(dice.uniform(0, 1_000), 3)
    return dice.randrange(1, 10_000)


def _names(field: Any) -> bool:
    """Whether a string names something, and is no prose."""
    is_key = field.containing_type.GetOptions().map_entry
    return is_key or _IDENTIFIER.search(field.name) is not None


def _identifier(field: Any, dice: random.Random) -> str:
    words = _WORDS.get(field.name.rpartition("_")[2])
    if words is not None:
        return dice.choice(words)
    noun = field.name.removesuffix("s").removesuffix("_id").rpartition("_")[2]
    return f"{noun}-{dice.randrange(16**6):06x}"


def _prose(message: Message) -> Iterator[str]:
    """Every text in a message that is no name of anything."""
    values: Iterable[Any]
    for field, value in message.ListFields():
        if isinstance(value, Mapping):
            values = [one for one in value.values() if isinstance(one, Message)]
        else:
            values = value if field.is_repeated else (value,)
        for one in values:
            if isinstance(one, Message):
                yield from _prose(one)
            elif isinstance(one, str) and not _names(field):
                yield one
