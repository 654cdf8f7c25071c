"""Placeholders in generated JSON, `${image}`, as Terraform's `templatefile` fills them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from protoc_gen_nats.errors import Place, UserError, did_you_mean

__all__ = ["filled", "placeholders"]

_PLACEHOLDER = re.compile(r"([$%])\1(?=\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
"""A name, or the first half of what stands for `${` or `%{` itself."""


def placeholders(value: Any) -> list[str]:
    """The names that a value of JSON wants filled, in the order in which they stand."""
    return list(dict.fromkeys(_names(value)))


def filled(value: Any, values: Mapping[str, str], path: str) -> Any:
    """A value of JSON with everything filled in.

    Args:
        value: The value.
        values: What is filled in, by name; more than is needed does no harm.
        path: Where the value stands.

    Raises:
        UserError: Something is missing.
    """
    if missing := [name for name in placeholders(value) if name not in values]:
        unused = [name for name in values if name not in placeholders(value)]
        hints = [
            f"{name} ({hint})" if (hint := did_you_mean(name, unused)).startswith("did") else name
            for name in missing
        ]
        text = f"nothing is given for {', '.join(hints)}: write --set {missing[0]}=…"
        raise UserError.of(text, Place(path))
    return _filled(value, values)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: match[1] or values[match["name"]], value)
    if isinstance(value, dict):
        return {key: _filled(one, values) for key, one in value.items()}
    return [_filled(one, values) for one in value] if isinstance(value, list) else value


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (match["name"] for match in _PLACEHOLDER.finditer(value) if match["name"])
    elif isinstance(value, dict):
        for one in value.values():
            yield from _names(one)
    elif isinstance(value, list):
        for one in value:
            yield from _names(one)
