"""A project's own templates: which there are, and what is wrong with them."""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes

from protoc_gen_nats.errors import Place, Problem, UserError, did_you_mean

__all__ = ["EXTRA", "FriendlyUndefined", "UserTemplates"]

EXTRA = "extra"
"""The folder of templates that replace none, and write files of their own."""

_UNDEFINED = re.compile(r"'(?P<name>\w+)' is undefined")
_NO_FILTER = re.compile(r"No (?P<kind>filter|test) named '(?P<name>\w+)'.*")


class FriendlyUndefined(jinja2.StrictUndefined):
    """What is not there: an error as soon as it is used, which offers what is there."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        message: str = super()._undefined_message
        obj, name = self._undefined_obj, self._undefined_name
        if self._undefined_hint or not isinstance(name, str) or obj is jinja2.utils.missing:
            return message
        keys = obj if isinstance(obj, Mapping) else dir(obj)
        known = [key for key in keys if not str(key).startswith("_")]
        return f"{type(obj).__name__} has no {name!r}: {did_you_mean(name, map(str, known))}"


class UserTemplates:
    """The templates in a folder of the project.

    Args:
        folder: Where they are.
        name: What the user calls the folder.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name.rstrip("/")

    def check(self, builtin: Collection[str], place: Place) -> None:
        """Finds templates that were meant to replace a built-in one, and replace none.

        Raises:
            UserError: There are some, or there is no folder.
        """
        if not self._folder.is_dir():
            raise UserError.of(f"templates names {self._name!r}, which is no folder", place)
        rooms = {name.partition("/")[0] for name in builtin}
        problems = []
        for name in self.names():
            room, _, rest = name.partition("/")
            partial = any(part.startswith("_") for part in rest.split("/"))
            if room in rooms and name not in builtin and not partial:
                hint = did_you_mean(name, (one for one in builtin if one.startswith(f"{room}/")))
                text = f"replaces no built-in template: {hint} Parts of your own begin with `_`"
                problems.append(Problem(self.place(name), text))
        if problems:
            raise UserError(problems)

    def names(self, under: str = "") -> list[str]:
        """The paths of the templates below a folder of it."""
        return sorted(
            path.relative_to(self._folder).as_posix()
            for path in (self._folder / under).rglob("*.j2")
            if path.is_file()
        )

    def place(self, template: str, line: int = 0, column: int = 0) -> Place:
        """A place in a template."""
        return Place(f"{self._name}/{template}", line, column)

    def text(self, template: str) -> str:
        """What a template says.

        Raises:
            UserError: It is not UTF-8.
        """
        try:
            return (self._folder / template).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            text = f"not UTF-8 at byte {error.start + 1}: save it as UTF-8"
            raise UserError.of(text, self.place(template)) from error

    def source(self, template: str) -> tuple[str, str, None] | None:
        """A template as jinja loads it, or None if there is none."""
        if ".." in template.split("/") or not (self._folder / template).is_file():
            return None
        return self.text(template), self._file_name(template), None

    def problem(
        self, error: Exception, values: Mapping[str, Any], environment: jinja2.Environment
    ) -> Problem | None:
        """What an error says about a template of the project; None if it is not about one."""
        if isinstance(error, UserError):
            return error.problems[0]
        if isinstance(error, jinja2.TemplateSyntaxError):
            where = error.filename, error.lineno
        else:
            frames = traceback.walk_tb(error.__traceback__)
            own = [(f.f_code.co_filename, line) for f, line in frames if self._owns(f.f_code)]
            where = own[-1] if own else (None, 0)
        file, line = where
        if file is None or not file.startswith(self._file_name("")):
            return None
        template = file.removeprefix(self._file_name(""))
        text = self._text_of(error, template, values, environment)
        return Problem(self.place(template, line, 1), text)

    def _owns(self, code: Any) -> bool:
        return bool(code.co_filename.startswith(self._file_name("")))

    def _file_name(self, template: str) -> str:
        return f"{self._folder}/{template}"

    def _text_of(
        self,
        error: Exception,
        template: str,
        values: Mapping[str, Any],
        environment: jinja2.Environment,
    ) -> str:
        message = getattr(error, "message", None) or str(error)
        if isinstance(error, jinja2.TemplateNotFound):
            return f"no template {error.name!r}: {did_you_mean(str(error.name), self.names())}"
        if match := _NO_FILTER.fullmatch(message):
            known = environment.filters if match["kind"] == "filter" else environment.tests
            return f"no {match['kind']} {match['name']!r}: {did_you_mean(match['name'], known)}"
        if match := _UNDEFINED.fullmatch(message):
            tree = environment.parse(self.text(template))
            stored = {one.name for one in tree.find_all(nodes.Name) if one.ctx == "store"}
            known_names = {*values, *stored}
            return f"{match['name']!r} is not defined: {did_you_mean(match['name'], known_names)}"
        if isinstance(error, jinja2.TemplateError):
            return message
        return f"{type(error).__name__}: {error}"
