"""What differs between two deployments."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Action", "Change", "Detail", "detail", "differences", "flat"]

_NAMES = ("name", "Name", "key", "alert", "record", "PolicyName", "AlarmName")
"""What tells the items of a list apart, in the formats of those that read them."""


class Action(enum.StrEnum):
    """What becomes of something."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, kw_only=True, slots=True)
class Detail:
    """One setting of it."""

    what: str
    before: str | None
    """None: it was not there."""

    after: str | None
    """None: it will not be there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What becomes of one thing that is deployed."""

    section: str
    """`images`, `permissions`, `streams`, `nats`, `tasks`, `infrastructure`, `alerts` or
    `costs`."""

    environment: str | None
    """None: it is the same in all."""

    name: str
    action: Action
    details: tuple[Detail, ...] = ()
    losses: tuple[str, ...] = ()
    """What is lost by it, or stops working."""


def detail(what: str, before: Any, after: Any) -> Detail:
    """A detail of values as they stand in JSON."""
    return Detail(
        what=what,
        before=None if before is None else _text(before),
        after=None if after is None else _text(after),
    )


def differences(before: Any, after: Any) -> Iterator[Detail]:
    """The settings in which two values of JSON differ, by their paths."""
    old, new = dict(flat(before)), dict(flat(after))
    for path in dict.fromkeys((*old, *new)):
        if old.get(path) != new.get(path):
            yield detail(path, old.get(path), new.get(path))


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All settings of a value by their paths, `containers.order.cpu`. Lists without mappings are
    one setting; items of others go by their names."""
    if isinstance(value, Mapping):
        names = [name for name in _NAMES if name in value]
        rest = [key for key in value if key not in names]
        if path and names and len(rest) == 1:  # {"name": "LEVEL", "value": "info"}
            yield path, value[rest[0]]
            return
        for key, one in value.items():
            yield from flat(one, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for index, one in enumerate(value):
            name = next((one[key] for key in _NAMES if key in one), index)
            yield from flat(one, f"{path}.{name}")
    else:
        yield path, value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return str(value)
