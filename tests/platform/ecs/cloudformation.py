"""Definitions as a template of CloudFormation, which cfn-lint reads."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.platform.ecs.definitions import Definition
from tests.platform.tools import tool

__all__ = ["lint", "template"]

_FREE = ("options",)
"""Keys of mappings whose own keys are no properties."""


def template(definitions: Iterable[Definition]) -> dict[str, Any]:
    """The template of these definitions."""
    resources: dict[str, Any] = {}
    for definition in definitions:
        name = "".join(part.capitalize() for part in definition.name.split("_"))
        resources[f"{name}Task"] = _resource("AWS::ECS::TaskDefinition", definition.task)
        if definition.service is not None:
            resources[f"{name}Service"] = _resource("AWS::ECS::Service", definition.service)
        if definition.scaling is not None:
            scaling = "AWS::ApplicationAutoScaling"
            target = definition.scaling["target"]
            resources[f"{name}Target"] = _resource(f"{scaling}::ScalableTarget", target)
            for index, policy in enumerate(definition.scaling["policies"]):
                found = _resource(f"{scaling}::ScalingPolicy", policy)
                resources[f"{name}Policy{index}"] = found
            for index, alarm in enumerate(definition.scaling["alarms"]):
                resources[f"{name}Alarm{index}"] = _resource("AWS::CloudWatch::Alarm", alarm)
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def lint(templates: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, list[str]]:
    """What cfn-lint says of templates, by their names: `resource: rule: text`."""
    paths = {name: folder / f"{name}.json" for name in templates}
    for name, path in paths.items():
        path.write_text(json.dumps(templates[name]))
    command = [tool("cfn-lint"), "--format", "json", "--region", "eu-central-1", "--"]
    result = subprocess.run(
        [*command, *map(str, paths.values())], capture_output=True, text=True, timeout=100
    )
    # 0, or bits of what was found; anything else is a failure of its own.
    assert result.returncode in range(15), result.stderr
    found: dict[str, list[str]] = {name: [] for name in templates}
    for match in json.loads(result.stdout or "[]"):
        text = f"{_resource_of(match)}: {match['Rule']['Id']}: {match['Message']}"
        found[Path(match["Filename"]).stem].append(text)
    return found


def _resource_of(match: Mapping[str, Any]) -> str:
    path = match["Location"]["Path"] or []
    return str(path[1]) if len(path) > 1 else ""


def _resource(kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"Type": kind, "Properties": _pascal(value)}


def _pascal(value: Any, free: bool = False) -> Any:
    """The same with the keys of CloudFormation, which begin with a capital."""
    if isinstance(value, Mapping):
        return {
            (key if free else f"{key[0].upper()}{key[1:]}"): _pascal(one, key in _FREE)
            for key, one in value.items()
        }
    return [_pascal(one) for one in value] if isinstance(value, list) else value
