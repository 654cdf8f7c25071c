"""Validation rules of fields in the words of JSON Schema, where it can say exactly the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from protoc_gen_nats.field_rules import FieldRules, Scalar
from protoc_gen_nats.model import Cardinality, Field

__all__ = ["constrained", "must_be_set"]

_PORTABLE = re.compile(r"(?:[^\\(]|\\[dDwWbBnrtf.\\/^$*+?()\[\]{}|-]|\((?!\?)|\(\?:)*")
"""Patterns that mean the same to RE2, ECMAScript and Python."""

_LENGTHS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}
_ZEROS: Mapping[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False}
_NO_ZERO_FORMS = ("email", "hostname", "ipv4", "ipv6", "uri", "uuid")
"""Formats that an empty string does not have."""


def constrained(
    schema: Mapping[str, Any], rules: FieldRules | None, names: Mapping[int, str]
) -> dict[str, Any]:
    """The schema of a value with its rules.

    Args:
        schema: The schema of the value's type.
        rules: The rules, if there are any.
        names: The values of an enum by number.
    """
    if rules is None:
        return dict(schema)
    if "anyOf" in schema:
        limited, limits = _number(rules)
    else:
        limits = _limits(schema, rules, names)
        limited = {"allOf": [dict(schema)]} if "$ref" in schema and limits else dict(schema)
        if "exclusiveMinimum" in limits:
            limited.pop("minimum", None)
        if "exclusiveMaximum" in limits:
            limited.pop("maximum", None)
        limited |= limits
    if rules.exempts_zero and limits and (zero := _zero(schema, names)) is not None:
        return {"anyOf": [{"const": zero}, limited]}
    return limited


def must_be_set(field: Field) -> bool:
    """Whether a message without the field breaks a rule of the field."""
    rules = field.rules
    if rules is None or rules.required or rules.exempts_zero or field.presence:
        return rules is not None and rules.required
    if field.cardinality is not Cardinality.SINGULAR:
        return bool(rules.min_length)
    if field.kind == "string":
        pattern = rules.pattern if rules.pattern and _PORTABLE.fullmatch(rules.pattern) else ""
        return (
            bool(rules.min_length)
            or re.search(pattern, "") is None
            or rules.format in _NO_ZERO_FORMS
            or not _is_among("", rules)
        )
    zero: Scalar = False if field.kind == "bool" else 0
    return not _is_among(zero, rules) or not (
        (rules.above is None or rules.above < 0)
        and (rules.at_least is None or rules.at_least <= 0)
        and (rules.below is None or rules.below > 0)
        and (rules.at_most is None or rules.at_most >= 0)
    )


def _is_among(value: Scalar, rules: FieldRules) -> bool:
    """Whether a value is one of those that are listed, and none of those that are excluded."""
    if rules.const is not None and rules.const != value:
        return False
    return value not in rules.none_of and (not rules.one_of or value in rules.one_of)


def _limits(
    schema: Mapping[str, Any], rules: FieldRules, names: Mapping[int, str]
) -> dict[str, Any]:
    kind = schema.get("type", "")
    limits = _listed(rules, names, as_text=schema.get("format") in ("int64", "uint64"))
    if kind == "integer":
        limits |= _range(rules)
    if kind in _LENGTHS:
        bounds = zip(_LENGTHS[kind], (rules.min_length, rules.max_length), strict=True)
        limits |= {name: length for name, length in bounds if length is not None}
    if rules.pattern is not None and _PORTABLE.fullmatch(rules.pattern):
        limits["pattern"] = rules.pattern
    if rules.format is not None:
        limits["format"] = rules.format
    if rules.unique:
        limits["uniqueItems"] = True
    return limits


def _number(rules: FieldRules) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a floating-point number, whose special values are written as strings."""
    limits = {**_range(rules), **_listed(rules, {}, as_text=False)}
    low = rules.above is not None or rules.at_least is not None
    high = rules.below is not None or rules.at_most is not None
    listed = rules.finite or rules.const is not None or bool(rules.one_of)
    special = [
        name
        for name, excluded in (("NaN", low or high), ("Infinity", high), ("-Infinity", low))
        if not excluded and not listed
    ]
    number = {"type": "number", **limits}
    return {"anyOf": [number, {"enum": special}]} if special else number, limits


def _range(rules: FieldRules) -> dict[str, Any]:
    bounds = {
        "exclusiveMinimum": rules.above,
        "minimum": rules.at_least,
        "exclusiveMaximum": rules.below,
        "maximum": rules.at_most,
    }
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _listed(rules: FieldRules, names: Mapping[int, str], *, as_text: bool) -> dict[str, Any]:
    """Which values are allowed and which are not, as the JSON mapping writes them."""

    def written(value: Scalar) -> Scalar | None:
        if names:
            return names.get(int(value))
        return str(value) if as_text else value

    def all_written(values: tuple[Scalar, ...]) -> list[Scalar]:
        return [text for value in values if (text := written(value)) is not None]

    found: dict[str, Any] = {}
    if rules.const is not None:
        found["const"] = written(rules.const)
    if rules.one_of:
        found["enum"] = all_written(rules.one_of)
    if rules.none_of:
        found["not"] = {"enum": all_written(rules.none_of)}
    return found


def _zero(schema: Mapping[str, Any], names: Mapping[int, str]) -> Any:
    """The value that counts as not set, as the JSON mapping writes it."""
    if names:
        return names.get(0)
    if schema.get("format") in ("int64", "uint64"):
        return "0"
    if "anyOf" in schema:
        return 0
    return {"array": [], "object": {}}.get(
        schema.get("type", ""), _ZEROS.get(schema.get("type", ""))
    )
