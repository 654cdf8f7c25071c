"""Templates: where they are, and what they can use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import jinja2

from protoc_gen_nats.rendering import layout, text

__all__ = ["render"]


def render(template: str, values: Mapping[str, Any]) -> bytes:
    """Renders a template of `templates/` to UTF-8."""
    return _environment().get_template(template).render(values).encode()


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "annotated": layout.annotated,
        "assigned": layout.assigned,
        "class_header": layout.class_header,
        "docstring": text.docstring,
        "literal": text.string_literal,
        "numbered": layout.numbered,
        "parameter": layout.parameter,
        "property_header": layout.property_header,
        "tuple_argument": layout.tuple_argument,
    }
    return environment


def _source(name: str) -> str | None:
    for folder in _folders():
        template = folder.joinpath(*name.split("/"))
        if template.is_file():
            return template.read_text(encoding="utf-8")
    return None


def _folders() -> tuple[Traversable, ...]:
    """The installed templates, then those of the repository, for an editable install."""
    package = resources.files("protoc_gen_nats")
    return (package / "templates", Path(__file__).parents[3] / "templates")
