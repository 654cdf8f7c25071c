"""Errors in what a user wrote: a schema, a manifest, a plugin option."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Place", "Problem", "Severity", "UserError", "did_you_mean"]

_SIMILAR = 0.75
"""How alike a name has to be to be offered; `Pong` and `Ping` are."""


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """Where something stands. Lines and columns count from 1; 0 means that they are not known."""

    path: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


class Severity(enum.StrEnum):
    """What a problem does: an error stops the generation, a warning is only shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One thing that is wrong, where it stands, and what to write instead."""

    place: Place
    text: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place.path else self.text


class UserError(Exception):
    """One or more problems in the user's input; nothing is generated.

    Attributes:
        problems: All that were found, in the order of the files.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def of(cls, text: str, place: Place = Place()) -> UserError:
        """An error of a single problem."""
        return cls([Problem(place, text)])


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that offers the most similar known name. If none is similar it lists them all, and
    of more than a dozen the three nearest.

    Of full names the last parts have to be similar: the packages before them are alike anyway.
    """
    names = sorted(known)
    if whole := [one for one in names if one.endswith(f".{name}")]:
        return f"write its full name {' or '.join(whole)}"
    close = [one for one in names if _alike(name.rpartition(".")[2], one.rpartition(".")[2])]
    if close:
        return f"did you mean {max(close, key=lambda one: _likeness(name, one))!r}?"
    if not names:
        return "there are none"
    if len(names) > 12:
        last = name.rpartition(".")[2]
        near = sorted(names, key=lambda one: -_likeness(last, one.rpartition(".")[2]))
        return f"the nearest of {len(names)} are {', '.join(near[:2])} and {near[2]}"
    return "known: " + ", ".join(names)


def _likeness(left: str, right: str) -> float:
    return difflib.SequenceMatcher(None, left, right).ratio()


def _alike(left: str, right: str) -> bool:
    """Whether one is the other, mistyped. That both are services makes them no more alike."""
    if left != right and left.endswith("Service") and right.endswith("Service"):
        left, right = left.removesuffix("Service"), right.removesuffix("Service")
    return _likeness(left, right) >= _SIMILAR
