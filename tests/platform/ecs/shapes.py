"""What the models of botocore say of the parameters of a call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tests.platform.ecs.definitions import Definition

__all__ = ["Call", "calls_of", "constraint_problems", "parameter_problems"]

Call = tuple[str, str, Mapping[str, Any]]
"""A service, one of its operations, and the parameters."""

_CLASSES = {
    r"\p{L}": "a-zA-Z",
    r"\p{N}": "0-9",
    r"\p{Print}": r"[\x20-\x7e]",
    r"\p{Z}": r"\s",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010ffff",
}
"""Parts of patterns, as Java and as Python has them."""


def calls_of(definition: Definition) -> Iterator[Call]:
    """The calls that bring a definition to AWS, in their order."""
    yield "ecs", "RegisterTaskDefinition", definition.task
    if definition.service is not None:
        yield "ecs", "CreateService", definition.service
    if definition.scaling is not None:
        scaling = definition.scaling
        yield "application-autoscaling", "RegisterScalableTarget", scaling["target"]
        for policy in scaling["policies"]:
            yield "application-autoscaling", "PutScalingPolicy", policy
        for alarm in scaling["alarms"]:
            yield "cloudwatch", "PutMetricAlarm", alarm


def parameter_problems(call: Call) -> list[str]:
    """What botocore refuses before it sends anything: unknown and missing keys, wrong types."""
    _, operation, parameters = call
    report = ParamValidator().validate(parameters, _input(call))
    return [f"{operation}: {report.generate_report()}"] if report.has_errors() else []


def constraint_problems(call: Call) -> list[str]:
    """What its models state and it does not check: choices, patterns, lengths and ranges."""
    _, operation, parameters = call
    return [f"{operation}{text}" for text in _walk(_input(call), parameters, "")]


def _input(call: Call) -> Any:
    service, operation, _ = call
    return _model(service).operation_model(operation).input_shape


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def _walk(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, one in value.items():
            if name in shape.members:
                yield from _walk(shape.members[name], one, f"{path}.{name}")
    elif shape.type_name == "list":
        yield from _size(shape, len(value), path)
        for index, one in enumerate(value):
            yield from _walk(shape.member, one, f"{path}[{index}]")
    elif shape.type_name == "map":
        for name, one in value.items():
            yield from _walk(shape.key, name, f"{path}.{name}")
            yield from _walk(shape.value, one, f"{path}.{name}")
    elif shape.type_name == "string":
        enum = shape.metadata.get("enum")
        if enum and value not in enum:
            yield f"{path}: {value!r} is none of {', '.join(enum)}"
        pattern = shape.metadata.get("pattern")
        if pattern and not re.search(_plain(pattern), value):
            yield f"{path}: {value!r} does not fit {pattern}"
        yield from _size(shape, len(value), path)
    elif shape.type_name in ("integer", "long", "double", "float"):
        yield from _size(shape, value, path)


def _size(shape: Any, size: float, path: str) -> Iterator[str]:
    if size < shape.metadata.get("min", size) or size > shape.metadata.get("max", size):
        yield f"{path}: {size} is out of range"


def _plain(pattern: str) -> str:
    """A pattern as Python writes it: the models have those of Java."""
    for java, python in _CLASSES.items():
        pattern = pattern.replace(java, python)
    return pattern
