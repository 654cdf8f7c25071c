"""The JSON Schema of `protonats.yaml`: what editors show and complete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from protoc_gen_nats.environment_settings import convert
from protoc_gen_nats.environments import (
    Accounts,
    AlertThresholds,
    CertificateSettings,
    NatsSettings,
    RedisSettings,
    ServiceSettings,
)
from protoc_gen_nats.rendering.templates import render
from tests.projects import TestProject

SCHEMA: dict[str, Any] = json.loads(
    resources.files("protoc_gen_nats").joinpath("manifest.schema.json").read_text("utf-8")
)
DEFS = SCHEMA["$defs"]
ENVIRONMENT = DEFS["environment"]["properties"]


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A node with what it refers to; its own words come first."""
    target: Any = SCHEMA
    for part in node.get("$ref", "#").split("/")[1:]:
        target = target[part]
    return {**resolved(target), **node} if "$ref" in node else node


def settings(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that can be written, by its path."""
    whole = resolved(node)
    inner = dict(whole.get("properties", {}))
    if isinstance(more := whole.get("additionalProperties"), dict):
        inner["*"] = more
    for name, one in inner.items():
        yield f"{path}{name}", one
        yield from settings(one, f"{path}{name}.")


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_an_editor_says_of_every_setting_what_it_is_and_what_to_write() -> None:
    found = dict(settings(SCHEMA))
    assert "environments.*.services.defaults.stop_timeout" in found
    for path, node in found.items():
        if path not in ("streams.*", "environments.*.services.*.variables.*"):
            assert resolved(node)["title"].endswith("."), path
        # It follows `write` in errors.
        description = resolved(node)["description"]
        assert not description[:1].isupper(), path
        assert not description.endswith("."), path


def test_every_name_that_can_be_chosen_says_what_it_may_be() -> None:
    for path, node in settings(SCHEMA):
        if "propertyNames" in resolved(node):
            assert resolved(node)["propertyNames"]["description"], path


@pytest.mark.parametrize(
    ("kind", "node"),
    [
        (ServiceSettings, DEFS["service"]),
        (NatsSettings, ENVIRONMENT["nats"]),
        (RedisSettings, ENVIRONMENT["redis"]),
        (CertificateSettings, ENVIRONMENT["certificates"]),
        (AlertThresholds, ENVIRONMENT["alerts"]),
        (Accounts, SCHEMA["properties"]["deployment"]["properties"]["accounts"]),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_the_defaults_that_an_editor_shows_are_those_that_hold(
    kind: type[Any], node: dict[str, Any]
) -> None:
    properties = {name: resolved(one) for name, one in node["properties"].items()}
    assert properties.keys() == {field.name for field in fields(kind)}
    for field in fields(kind):
        shown = properties[field.name].get("default")
        required = field.name in node.get("required", ())
        assert required == (shown is None)
        if not required:
            assert convert(field.name, shown) == default_of(field), field.name


def default_of(field: Field[Any]) -> Any:
    """The default of a field; MISSING where it has none."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def test_that_of_a_project_completes_its_services(tmp_path: Path) -> None:
    project = TestProject(tmp_path)
    project.generate()

    written = json.loads(project.read("generated/manifest.schema.json"))
    services = written["$defs"]["services"]["properties"]
    assert services.keys() == {"defaults", "ping", "pong"}
    assert services["ping"] == {"title": "Answers.", "$ref": "#/$defs/service"}
    Draft202012Validator.check_schema(written)


def test_a_new_project_tells_editors_where_it_is() -> None:
    assert render("project/protonats.yaml.j2", {"name": "shop", "stream": "SHOP"}).startswith(
        b"# yaml-language-server: $schema=generated/manifest.schema.json\n"
    )
