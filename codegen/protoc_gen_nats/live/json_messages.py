"""Messages as JSON: what people write, and what they read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message

from protoc_gen_nats.errors import UserError, did_you_mean

__all__ = ["JsonForm", "parse_json"]

MessageT = TypeVar("MessageT", bound=Message)

_FIELD = re.compile(r"Failed to parse (?P<field>\S+) field: (?P<text>.*)", re.S)
_NO_FIELD = re.compile(
    r'Message type "(?P<type>[^"]+)" has no field named "(?P<field>[^"]+)"'
    r'(?: at "(?P<path>[^"]+)")?',
)
_NO_VALUE = re.compile(r"Invalid enum value (?P<value>.+) for enum type (?P<type>[\w.]+)")
_WORDS = (
    (re.compile(r"expected string or bytes-like object.*"), "write a string"),
    (re.compile(r"invalid literal for int\(\).*?: (.*)"), r"\1 is no whole number"),
    (re.compile(r"could not convert string to float: (.*)"), r"\1 is no number"),
    (re.compile(r"(repeated field \S+ must be in \[\] which is .*?)( at .*)?"), r"\1"),
)
"""What the JSON parser of protobuf says in the words of Python, and what it means."""


def parse_json(message: type[MessageT], text: str, pool: DescriptorPool, what: str) -> MessageT:
    """A message out of its JSON form.

    Args:
        message: Its class.
        text: The JSON object; fields may be written `world_id` or `worldId`.
        pool: Where the types of `Any` are looked up.
        what: What the text is, for errors: `the request`.

    Raises:
        UserError: It is no JSON, or does not fit the message; the text says where.
    """
    name = message.DESCRIPTOR.full_name
    try:
        value = json.loads(text)
    except ValueError as error:
        shown = text if len(text) <= 60 else f"{text[:57]}…"
        raise UserError.of(f"{what} is no JSON: {error}: {shown.strip()!r}") from None
    except RecursionError:
        raise UserError.of(f"{what} is no JSON that can be read: it is nested too deep") from None
    if not isinstance(value, dict) and message.DESCRIPTOR.file.package != "google.protobuf":
        raise UserError.of(f"{what} is no {name}: write a JSON object, {{…}}")
    try:
        read = json_format.ParseDict(value, message(), descriptor_pool=pool)
    except (json_format.ParseError, AttributeError, TypeError) as error:
        raise UserError.of(f"{what} is no {name}: {_explained(str(error), pool)}") from None
    # types-protobuf does not know it.
    if missing := cast(Any, read).FindInitializationErrors():
        raise UserError.of(f"{what} is no {name}: it lacks what is required, {', '.join(missing)}")
    return read


def _explained(text: str, pool: DescriptorPool) -> str:
    """What the JSON parser of protobuf complains about, with what to write instead."""
    path = []
    while match := _FIELD.fullmatch(text.strip()):
        path.append(match["field"])
        text = match["text"]
    text = text.strip().rstrip(".")
    if match := _NO_FIELD.match(text):
        holder = pool.FindMessageTypeByName(match["type"])
        near = did_you_mean(match["field"], (field.name for field in holder.fields))
        return f"{match['type']} has no field {match['field']!r}: {near}"
    where = f"{'.'.join(path)}: " if path else ""
    if match := _NO_VALUE.match(text):
        values = pool.FindEnumTypeByName(match["type"]).values
        near = did_you_mean(match["value"], (value.name for value in values))
        return f"{where}{match['type']} has no value {match['value']}: {near}"
    for pattern, words in _WORDS:
        text = pattern.sub(words, text)
    return f"{where}{text}"


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonForm:
    """How messages are written as JSON."""

    pool: DescriptorPool
    """Where the types of `Any` are looked up."""

    defaults: bool = False
    """Whether fields that are not set are written too."""

    def of(self, message: Message) -> Any:
        """A message as a value that `json.dumps` takes; fields are named as the schema does."""
        return json_format.MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=self.defaults,
            descriptor_pool=self.pool,
        )

    def read(self, message: type[Message], body: bytes) -> Any:
        """A serialized message as a value that `json.dumps` takes.

        Raises:
            ValueError: It is no such message, or holds an `Any` of a type that is not known.
        """
        try:
            return self.of(message.FromString(body))
        except (DecodeError, TypeError) as error:
            raise ValueError(str(error)) from None
