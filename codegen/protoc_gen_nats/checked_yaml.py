"""YAML checked against a JSON Schema, with the line of everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from protoc_gen_nats.errors import Place, Problem, UserError, did_you_mean

__all__ = ["Places", "parse"]


def parse(text: str, name: str, schema: Mapping[str, Any]) -> tuple[Any, Places]:
    """Parses a YAML document called `name`.

    Returns:
        Its value, and the places of what is in it.

    Raises:
        UserError: The text is not YAML, or its value does not fit the schema.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)
        raise UserError.of(f"not YAML: {error.problem}", place) from error
    places = Places(name, root)
    problems = [_problem(error, places) for error in Draft202012Validator(schema).iter_errors(value)]
    if problems:
        raise UserError(problems)
    return value, places


class Places:
    """Where each value of a YAML document stands."""

    def __init__(self, name: str, root: yaml.Node | None) -> None:
        self._name = name
        self._root = root

    def of(self, *keys: str | int) -> Place:
        """The place of the key or item at the end of `keys`."""
        node, mark = self._root, None
        for step in keys:
            if isinstance(node, yaml.MappingNode):
                for name, value in node.value:
                    if name.value == str(step):
                        node, mark = value, name.start_mark
                        break
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                node = node.value[step]
                mark = node.start_mark
        mark = mark or (node.start_mark if node else None)
        return Place(self._name, mark.line + 1, mark.column + 1) if mark else Place(self._name)


def _problem(error: ValidationError, places: Places) -> Problem:
    keys = list(error.absolute_path)
    where = ".".join(map(str, keys)) or "the manifest"
    rule: Any = error.schema
    value: Any = error.instance
    if error.validator == "additionalProperties":
        unknown = next(name for name in value if name not in rule["properties"])
        hint = did_you_mean(str(unknown), rule["properties"])
        return Problem(places.of(*keys, unknown), f"unknown key {unknown!r}: {hint}")
    if error.validator == "required":
        missing = next(name for name in rule["required"] if name not in value)
        return Problem(places.of(*keys), f"{where} has no {missing!r}: write it")
    expected = rule.get("description", error.message)
    return Problem(places.of(*keys), f"{where} cannot be {value!r}: write {expected}")
