"""The rules of protovalidate (`buf.validate`), read from the options of fields.

The options are read through the schemas' own `buf/validate/validate.proto`, so no module for it has
to be there, and a schema of an older protovalidate is read as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, OneofDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from protoc_gen_nats.field_rules import FieldRules

__all__ = ["VALIDATE", "RuleReader"]

VALIDATE = "buf/validate/validate.proto"
"""The schema of the validation rules."""

_FORMATS = {
    "email": "email",
    "hostname": "hostname",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
    "uri": "uri",
    "uri_ref": "uri-reference",
    "uuid": "uuid",
}
"""The rules of strings that JSON Schema has a format for."""

_IGNORE_IF_ZERO, _IGNORE_ALWAYS = 1, 3


class RuleReader:
    """Reads the rules of fields and oneofs of one set of schemas."""

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool
        self._field = self._extension("field")
        self._oneof = self._extension("oneof")

    def _extension(self, name: str) -> tuple[type[Message], Any] | None:
        """The class of the options that have an extension, and the extension, if it is there."""
        try:
            extension = self._pool.FindExtensionByName(f"buf.validate.{name}")
        except KeyError:
            return None
        options = f"google.protobuf.{name.capitalize()}Options"
        return GetMessageClass(self._pool.FindMessageTypeByName(options)), extension

    def field(self, proto: FieldDescriptorProto) -> FieldRules | None:
        """The rules of a field, or None if it has none."""
        rules = _option(proto, self._field)
        if rules is None or rules.ignore == _IGNORE_ALWAYS:
            return None
        return _rules(rules)

    def oneof_is_required(self, proto: OneofDescriptorProto) -> bool:
        """Whether one field of a oneof has to be set."""
        rules = _option(proto, self._oneof)
        return rules is not None and rules.required


def _option(
    proto: FieldDescriptorProto | OneofDescriptorProto,
    extension: tuple[type[Message], Any] | None,
) -> Any:
    if extension is None or not proto.HasField("options"):
        return None
    options_class, handle = extension
    options: Any = options_class.FromString(proto.options.SerializeToString())
    return options.Extensions[handle] if options.HasExtension(handle) else None


def _rules(rules: Any) -> FieldRules:
    kind = rules.WhichOneof("type")
    # Times and binary values are written in another way than they are compared.
    skip = kind in (None, "any", "bytes", "duration", "field_mask", "timestamp")
    of_type = {} if skip else {f.name: value for f, value in getattr(rules, kind).ListFields()}
    return FieldRules(
        required=rules.required,
        exempts_zero=rules.ignore == _IGNORE_IF_ZERO,
        const=of_type.get("const"),
        one_of=tuple(of_type.get("in", ())),
        none_of=tuple(of_type.get("not_in", ())),
        **_range(of_type),
        finite=of_type.get("finite", False),
        min_length=_first(of_type, "len", "min_len", "min_items", "min_pairs"),
        max_length=_first(of_type, "len", "max_len", "max_items", "max_pairs"),
        pattern=of_type.get("pattern"),
        format=next((_FORMATS[name] for name in of_type if name in _FORMATS), None),
        unique=of_type.get("unique", False),
        keys=_rules(of_type["keys"]) if "keys" in of_type else None,
        items=_rules(inner) if (inner := _first(of_type, "items", "values")) else None,
        examples=tuple(of_type.get("example", ())),
        messages=tuple(rule.message for rule in rules.cel if rule.message),
    )


def _first(values: Mapping[str, Any], *names: str) -> Any:
    return next((values[name] for name in names if name in values), None)


def _range(of_type: Mapping[str, Any]) -> dict[str, float | None]:
    """The bounds; none where the lower one is above the upper one, which turns them inside out."""
    low, high = _first(of_type, "gt", "gte"), _first(of_type, "lt", "lte")
    if low is not None and high is not None and low >= high and low != high:
        return {}
    names = {"above": "gt", "at_least": "gte", "below": "lt", "at_most": "lte"}
    return {name: of_type.get(rule) for name, rule in names.items()}
