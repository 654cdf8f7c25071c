"""Fills a request until it meets the rules of its schema."""

from __future__ import annotations

from typing import Any, Final

import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

__all__ = ["filled"]

_ATTEMPTS: Final = 100
_TEXTS: Final = ("tour", "en", "GOLD", "evt.tour", "tour.v1.TourService.Tour")
_NUMBERS: Final = (1, 2, 10, 60, 100, 1000)


def filled(request: type[Message]) -> Message:
    """A request that breaks no rule, with as few fields as the rules allow.

    Raises:
        ValueError: No value that was tried meets a rule; the text names it.
    """
    message = request()
    for _ in range(_ATTEMPTS):
        violations = protovalidate.collect_violations(message, fail_fast=True)
        if not violations:
            return message
        violation: Any = violations[0].proto
        if not _mend(message, violation):
            raise ValueError(
                f"no valid {request.DESCRIPTOR.full_name} was found: {violation.field}:"
                f" {violation.message} ({violation.rule_id})"
            )
    raise ValueError(f"no valid {request.DESCRIPTOR.full_name} was found in {_ATTEMPTS} attempts")


def _mend(message: Message, violation: Any) -> bool:
    """Whether something was changed so that the rule may be met now."""
    *parents, last = violation.field.elements
    for element in parents:
        message = _inside(message, element)
    field = message.DESCRIPTOR.fields_by_name.get(last.field_name)
    if field is None:
        first = message.DESCRIPTOR.oneofs_by_name[last.field_name].fields[0]
        return _set_first(message, first)
    if field.is_repeated and last.subscript is None:
        return _add_item(message, field)
    return _try_values(message, field, last)


def _inside(message: Message, element: Any) -> Any:
    value = getattr(message, element.field_name)
    return value if element.subscript is None else value[element.subscript.value]


def _set_first(message: Message, field: Any) -> bool:
    if field.message_type is not None:
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, _candidates(field)[0])
    return True


def _add_item(message: Message, field: Any) -> bool:
    items = getattr(message, field.name)
    if field.message_type is not None:
        items.add()
    else:
        items.append(_candidates(field)[0])
    return True


def _try_values(message: Message, field: Any, element: Any) -> bool:
    """Puts the next value to a field; the one that is there has failed."""
    if field.message_type is not None:
        inner = getattr(message, field.name)
        if not message.HasField(field.name):
            inner.SetInParent()
            return True
        return _grow(inner)
    candidates = _candidates(field)
    if element.subscript is not None:
        items = getattr(message, field.name)
        following = _following(candidates, items[element.subscript.value])
        if following is not None:
            items[element.subscript.value] = following
    else:
        following = _following(candidates, getattr(message, field.name))
        if following is not None:
            setattr(message, field.name, following)
    return following is not None


def _grow(message: Any) -> bool:
    """Gives a message that is not enough yet the next of its fields."""
    if message.DESCRIPTOR.full_name == "google.protobuf.Struct":
        message["tour"] = 1
        return True
    present = {field.name for field, _ in message.ListFields()}
    field = next((one for one in message.DESCRIPTOR.fields if one.name not in present), None)
    if field is None:
        return False
    return _add_item(message, field) if field.is_repeated else _set_first(message, field)


def _candidates(field: Any) -> list[Any]:
    if field.enum_type is not None:
        return [value.number for value in field.enum_type.values if value.number]
    if field.type == FieldDescriptor.TYPE_STRING:
        return list(_TEXTS)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return [text.encode() for text in _TEXTS]
    if field.type == FieldDescriptor.TYPE_BOOL:
        return [True]
    return list(_NUMBERS)


def _following(candidates: list[Any], value: Any) -> Any:
    """The candidate behind a value; the first one if the value is none of them."""
    index = candidates.index(value) + 1 if value in candidates else 0
    return candidates[index] if index < len(candidates) else None
