"""Templates: where they are, and what they can use.

A project's own templates come before the built-in ones of the same path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import jinja2

from protoc_gen_nats.errors import Place, UserError
from protoc_gen_nats.naming import snake_case
from protoc_gen_nats.rendering import layout, text
from protoc_gen_nats.rendering.user_templates import FriendlyUndefined, UserTemplates

__all__ = ["expand", "render", "user_templates", "with_templates_of"]

BUILTIN = "builtin:"
"""Before the path of a template: the built-in one, whatever the project has."""

_user: ContextVar[tuple[UserTemplates, jinja2.Environment] | None] = ContextVar(
    "protonats_user_templates", default=None
)


@contextmanager
def with_templates_of(folder: Path, name: str, place: Place) -> Iterator[None]:
    """Lets the templates in a folder come before the built-in ones.

    Args:
        folder: Where they are.
        name: What the user calls the folder.
        place: Where the user names it.

    Raises:
        UserError: There is no such folder, or a template in it replaces none.
    """
    templates = UserTemplates(folder, name)
    templates.check(_builtin_names(), place)
    token = _user.set((templates, _environment(templates)))
    try:
        yield
    finally:
        _user.reset(token)


def user_templates() -> UserTemplates | None:
    """The project's own templates that are used now."""
    current = _user.get()
    return current[0] if current else None


def render(template: str, values: Mapping[str, Any]) -> bytes:
    """Renders a template to UTF-8.

    Raises:
        UserError: A template of the project is wrong.
    """
    current = _user.get()
    if current is None:
        return _builtin_environment().get_template(template).render(values).encode()
    templates, environment = current
    try:
        return environment.get_template(template).render(values).encode()
    except Exception as error:
        if problem := templates.problem(error, values, environment):
            raise UserError([problem]) from error
        raise


def expand(source: str, values: Mapping[str, Any], place: Place) -> str:
    """Renders a template of one line, which stands at `place`.

    Raises:
        UserError: It is wrong.
    """
    current = _user.get()
    environment = current[1] if current else _builtin_environment()
    try:
        return environment.from_string(source).render(values)
    except jinja2.TemplateError as error:
        raise UserError.of(f"{source!r}: {error.message}", place) from error
    except Exception as error:  # a template is code of the project
        raise UserError.of(f"{source!r}: {type(error).__name__}: {error}", place) from error


def _is_html(name: str | None) -> bool:
    """Whether values in a template are text, in which signs of HTML are escaped."""
    return name is not None and name.endswith(".html.j2")


@cache
def _builtin_environment() -> jinja2.Environment:
    return _environment(None)


def _environment(templates: UserTemplates | None) -> jinja2.Environment:
    def source(name: str) -> str | tuple[str, str, None] | None:
        if templates and (found := templates.source(name)) is not None:
            return found
        return _builtin_source(name.removeprefix(BUILTIN))

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        undefined=FriendlyUndefined,
        autoescape=_is_html,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "annotated": layout.annotated,
        "assigned": layout.assigned,
        "class_header": layout.class_header,
        "comment": text.comment,
        "docstring": text.docstring,
        "literal": text.string_literal,
        "numbered": layout.numbered,
        "parameter": layout.parameter,
        "property_header": layout.property_header,
        "snake_case": snake_case,
        "tuple_argument": layout.tuple_argument,
    }
    return environment


def _builtin_source(name: str) -> str | None:
    if ".." in name.split("/"):
        return None
    for folder in _folders():
        template = folder.joinpath(*name.split("/"))
        if template.is_file():
            return template.read_text(encoding="utf-8")
    return None


def _builtin_names() -> set[str]:
    return {name for folder in _folders() if folder.is_dir() for name in _names_in(folder, "")}


def _names_in(folder: Traversable, before: str) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _names_in(entry, f"{before}{entry.name}/")
        else:
            yield f"{before}{entry.name}"


def _folders() -> tuple[Traversable, ...]:
    """The installed templates, then those of the repository, for an editable install."""
    package = resources.files("protoc_gen_nats")
    return (package / "templates", Path(__file__).parents[3] / "templates")
