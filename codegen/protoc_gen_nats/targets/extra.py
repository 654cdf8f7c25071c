"""Files from a project's own templates in `extra/`, which replace no built-in one.

Each begins with a comment that says once for what it is rendered, and to which file:

    {#
      each: service
      path: docs/{{ service.name }}.md
    #}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from protoc_gen_nats.errors import Place, UserError, did_you_mean
from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.model import IR_VERSION, Schema
from protoc_gen_nats.rendering.templates import expand, user_templates
from protoc_gen_nats.rendering.templates import render as render_template
from protoc_gen_nats.rendering.user_templates import EXTRA, UserTemplates

__all__ = ["render"]

_HEADER = re.compile(r"\s*\{#-?(?P<text>.*?)-?#\}", re.DOTALL)
_KEYS = ("each", "path", "ir")
_EACH = ("schema", "file", "service", "event")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Header:
    """What a template says about itself."""

    each: str
    path: str
    """A template of a path."""

    place: Place
    """Where the path stands."""


def render(schema: Schema, taken: Collection[str] = ()) -> Iterator[GeneratedFile]:
    """Renders the templates in `extra/`.

    Args:
        schema: The schemas.
        taken: Paths of other generated files.

    Raises:
        UserError: A template is wrong, or would write a file that another one writes.
    """
    templates = user_templates()
    if templates is None:
        return
    # Names that differ in case alone are one file on macOS and Windows.
    owners = {path.casefold(): "the generator" for path in taken}
    for name in templates.names(EXTRA):
        if PurePosixPath(name).name.startswith("_"):
            continue
        header = _header(templates, name)
        for values in _each(schema, header.each):
            path = _path(expand(header.path, values, header.place), header.place)
            if owner := owners.get(path.casefold()):
                text = f"{path} is written by {owner} already: choose another path"
                raise UserError.of(text, header.place)
            owners[path.casefold()] = name
            yield GeneratedFile(path=path, content=render_template(name, values))


def _each(schema: Schema, each: str) -> Iterator[Mapping[str, Any]]:
    """The values of each rendering: whatever it is for, and all that this is in."""
    if each == "schema":
        yield {"schema": schema}
        return
    for file in schema.files:
        values = {"schema": schema, "file": file}
        if each == "file":
            yield values
        elif each == "service":
            yield from ({**values, "service": service} for service in file.services)
        else:
            yield from ({**values, "event": event} for event in file.events)


def _header(templates: UserTemplates, name: str) -> _Header:
    text = templates.text(name)
    match = _HEADER.match(text)
    if match is None:
        raise UserError.of(
            "does not say what it writes: begin it with a comment, {# … #}, in which a line is"
            " `each: service`, and another one `path: docs/{{ service.name }}.md`",
            templates.place(name, 1, 1),
        )
    first = text.count("\n", 0, match.start("text")) + 1
    found: dict[str, tuple[str, Place]] = {}
    for number, line in enumerate(match["text"].split("\n"), first):
        key, colon, value = (part.strip() for part in line.partition(":"))
        place = templates.place(name, number, len(line) - len(line.lstrip()) + 1)
        if not line.strip():
            continue
        if key not in _KEYS or not colon:
            raise UserError.of(f"unknown key {key!r}: {did_you_mean(key, _KEYS)}", place)
        found[key] = value, place
    if "path" not in found:
        text = "no path: write the file that it writes, such as path: docs/{{ service.name }}.md"
        raise UserError.of(text, templates.place(name, first, 1))
    each, place = found.get("each", ("schema", Place()))
    if each not in _EACH:
        raise UserError.of(f"each cannot be {each!r}: {did_you_mean(each, _EACH)}", place)
    ir, place = found.get("ir", (str(IR_VERSION), Place()))
    if ir != str(IR_VERSION):
        text = f"written for version {ir} of the IR, and this is {IR_VERSION}: see docs/ir.md"
        raise UserError.of(text, place)
    path, place = found["path"]
    return _Header(each=each, path=path, place=place)


def _path(path: str, place: Place) -> str:
    """A path that stays in the folder of generated files.

    Raises:
        UserError: It does not.
    """
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts or "\\" in path or not path.isprintable():
        text = f"path is {path!r}: write one below the folder of generated files"
        raise UserError.of(text, place)
    return PurePosixPath(path).as_posix()
