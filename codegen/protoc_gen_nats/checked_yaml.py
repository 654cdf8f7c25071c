"""YAML checked against a JSON Schema, with the line of everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
        place = _place(name, error.problem_mark)
        raise UserError.of(f"not YAML: {error.problem}", place) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        place = Place(name, line, error.position - text.rfind("\n", 0, error.position))
        raise UserError.of(f"not YAML: {error.reason}", place) from error
    except ValueError as error:  # a date or number that is none, such as 2026-13-01
        raise UserError.of(f"not YAML: {error}: write text in quotes", Place(name)) from error
    places = Places(name, root)
    problems = list(_repeated_keys(root, name))
    for found in Draft202012Validator(schema).iter_errors(value):
        problems.extend(_problems(found, places))
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
        return _place(self._name, mark or (node.start_mark if node else None))


def _place(name: str, mark: yaml.Mark | None) -> Place:
    return Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)


def _repeated_keys(root: yaml.Node | None, name: str) -> Iterator[Problem]:
    """Keys that stand twice in one mapping: YAML's reader would take the last one silently."""
    nodes = [root] if root is not None else []
    seen_nodes = set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen_nodes:  # an alias
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            nodes.extend(value for _, value in node.value)
            keys = set()
            for key, _ in node.value:
                if key.value in keys:
                    text = f"the key {key.value!r} is there twice: write it once"
                    yield Problem(_place(name, key.start_mark), text)
                keys.add(str(key.value))


def _problems(error: ValidationError, places: Places) -> Iterator[Problem]:
    keys = list(error.absolute_path)
    where = ".".join(map(str, keys)) or "the manifest"
    rule: Any = error.schema
    value: Any = error.instance
    if error.validator == "additionalProperties":
        for unknown in (name for name in value if name not in rule["properties"]):
            hint = did_you_mean(str(unknown), rule["properties"])
            yield Problem(places.of(*keys, unknown), f"unknown key {unknown!r}: {hint}")
    elif error.validator == "required":
        missing = next(name for name in rule["required"] if name not in value)
        yield Problem(places.of(*keys), f"{where} has no {missing!r}: write it")
    else:
        expected = rule.get("description", error.message)
        found = "is empty" if value is None else f"cannot be {value!r}"
        yield Problem(places.of(*keys), f"{where} {found}: write {expected}")
