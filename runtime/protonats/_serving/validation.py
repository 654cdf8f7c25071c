"""Requests that break a rule of their schema are refused before a handler sees them.

The rules are those of protovalidate (`buf/validate/validate.proto`), and so is the library that
checks them: the extra `validate`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final, TypeAlias

from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest

from protonats.errors import Code, ConfigurationError, StatusError

__all__ = ["Check", "check_of"]

Check: TypeAlias = Callable[[Message], None]
"""Raises a StatusError, INVALID_ARGUMENT, for a request that breaks a rule."""

_RULES: Final = 1159
"""The number of the extensions of `buf.validate`, the same for messages, oneofs and fields."""

_WELL_KNOWN: Final = "google.protobuf."


def check_of(request: type[Message]) -> Check | None:
    """The check of a request class; None if its schema has no rules.

    The rules are compiled here, which takes some milliseconds, so that no call has to wait for it.

    Raises:
        ConfigurationError: The schema has rules and protovalidate is not installed, or a rule
        cannot
            be compiled.
    """
    descriptor = request.DESCRIPTOR
    if not _has_rules(descriptor, set()):
        return None
    validator = _validator(descriptor.full_name)
    try:
        validator.collect_violations(request())
    except Exception as error:
        raise ConfigurationError(
            f"a validation rule of {descriptor.full_name} cannot be used: {error}"
        ) from error

    def check(message: Message) -> None:
        if violations := validator.collect_violations(message):
            raise _refusal(descriptor.name, violations)

    return check


@cache
def _validator(name: str) -> Any:
    try:
        return import_module("protovalidate").Validator()
    except ImportError as error:
        raise ConfigurationError(
            f"{name} has validation rules, and protovalidate is not installed:"
            " install it with `pip install 'protonats[validate]'`"
        ) from error


def _has_rules(descriptor: Any, seen: set[str]) -> bool:
    """Whether a message, or one that can be inside it, has a rule."""
    if descriptor.full_name in seen or descriptor.full_name.startswith(_WELL_KNOWN):
        return False
    seen.add(descriptor.full_name)
    elements = (descriptor, *descriptor.oneofs, *descriptor.fields)
    if any(_is_ruled(element.GetOptions()) for element in elements):
        return True
    inside = (field.message_type for field in descriptor.fields if field.message_type is not None)
    return any(_has_rules(message, seen) for message in inside)


def _is_ruled(options: Message) -> bool:
    return any(field.number == _RULES for field, _ in options.ListFields())


def _refusal(name: str, violations: list[Any]) -> StatusError:
    found = [
        BadRequest.FieldViolation(
            field=_path(violation.proto.field),
            description=violation.proto.message,
            reason=violation.proto.rule_id,
        )
        for violation in violations
    ]
    text = "; ".join(f"{one.field or name}: {one.description}" for one in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return StatusError(
        Code.INVALID_ARGUMENT, text + more, details=[BadRequest(field_violations=found)]
    )


def _path(path: Any) -> str:
    """A field's path as protovalidate writes it: `tags[1]`, `labels["a"].name`."""
    parts = []
    for element in path.elements if path is not None else ():
        subscript = element.subscript
        suffix = ""
        if subscript is not None:
            value = subscript.value
            suffix = f'["{value}"]' if isinstance(value, str) else f"[{str(value).lower()}]"
        parts.append(f"{element.field_name}{suffix}")
    return ".".join(parts)
