"""What a schema demands of the values of a field, beyond their type."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FieldRules", "Scalar"]

Scalar = bool | int | float | str


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldRules:
    """The rules of protovalidate that other languages can say too. None and empty: no such rule."""

    required: bool = False
    """Whether the field has to be set; of a field without presence: to another value than zero."""

    exempts_zero: bool = False
    """Whether a field with its zero value breaks no rule."""

    const: Scalar | None = None
    one_of: tuple[Scalar, ...] = ()
    none_of: tuple[Scalar, ...] = ()
    above: float | None = None
    """Values are greater than that."""

    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    finite: bool = False
    min_length: int | None = None
    """Characters of a string, items of a list, pairs of a map."""

    max_length: int | None = None
    pattern: str | None = None
    """A regular expression in RE2's syntax."""

    format: str | None = None
    """A well-known form of strings, by the name that JSON Schema has for it."""

    unique: bool = False
    """Whether no item of a list is there twice."""

    keys: FieldRules | None = None
    """Of the keys of a map."""

    items: FieldRules | None = None
    """Of the items of a list, or of the values of a map."""

    examples: tuple[Scalar, ...] = ()
    messages: tuple[str, ...] = ()
    """What rules of its own expression say to who breaks them."""
