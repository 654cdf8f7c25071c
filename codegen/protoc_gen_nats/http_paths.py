"""Path templates of `google.api.http`: `/v1/{name=shelves/*}/books/{book_id}:archive`.

The grammar is that of google/api/http.proto.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["PathTemplate", "PathVariable", "parse_path"]

_PIECE = re.compile(r"\{(?P<field>[A-Za-z_][\w.]*)(=(?P<pattern>[^{}]+))?\}|(?P<text>[^{}]+)")
_LITERAL = re.compile(r"[\w.~!$&'()+,;=@%-]+", re.ASCII)
_VERB = re.compile(r":[\w.~-]+\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class PathVariable:
    """A part of a path that a field of the request holds."""

    field: str
    """The path of the field, `book_id` or `book.id`."""

    pattern: str
    """The segments that it stands for, `*` for one, `**` for any number."""


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A parsed template."""

    parts: tuple[str | PathVariable, ...]
    """Text and variables in their order; the text begins with `/`."""

    @property
    def variables(self) -> tuple[PathVariable, ...]:
        """The variables, in their order."""
        return tuple(part for part in self.parts if isinstance(part, PathVariable))

    @property
    def shape(self) -> str:
        """The template without the names of fields: two routes of one shape cannot be told
        apart."""
        parts = (part if isinstance(part, str) else part.pattern for part in self.parts)
        return "".join(parts)


def parse_path(template: str) -> PathTemplate:
    """Parses a template.

    Raises:
        ValueError: It is no template; the text says why, as the rest of a sentence that begins with
            the template.
    """
    if not template.startswith("/"):
        raise ValueError(f"does not begin with /: write '/{template}'")
    parts: list[str | PathVariable] = []
    position = 0
    while position < len(template):
        match = _PIECE.match(template, position)
        if match is None:
            raise ValueError("has a brace that is never closed or never opened: write {field}")
        position = match.end()
        field = match["field"]
        parts.append(PathVariable(field, match["pattern"] or "*") if field else match["text"])
    parsed = PathTemplate(tuple(parts))
    _check_segments(parsed.shape)
    return parsed


def _check_segments(shape: str) -> None:
    path = shape[: verb.start()] if (verb := _VERB.search(shape)) else shape
    if path == "/":
        return
    *segments, last = path.split("/")[1:]
    if "**" in segments:
        raise ValueError("goes on after **, which stands for all the rest: let it be the last part")
    for segment in (*segments, last):
        if not segment:
            raise ValueError("has an empty part between two /: take one / away")
        if segment not in ("*", "**") and not _LITERAL.fullmatch(segment):
            hint = "write letters, digits, `-`, `_`, `.` and `~`, or one {field}"
            raise ValueError(f"has the part {segment!r}: {hint}")
