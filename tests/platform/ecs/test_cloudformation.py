"""What cfn-lint says of everything, in the form of CloudFormation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.platform.ecs.cloudformation import lint, template
from tests.platform.ecs.definitions import ENVIRONMENTS, Definition, all_of, named
from tests.platform.ecs.twins import Break, changed

TWINS = {
    "a size that Fargate does not have": changed("task", "memory", "768"),
    "a network mode": changed("task", "networkMode", "vpc"),
    "a network that is not that of Fargate": changed("task", "networkMode", "bridge"),
    "a driver": changed("container", "logConfiguration.logDriver", "cloudwatch"),
    "an unknown key": changed("container", "stopTimeOut", 30),
    "a type": changed("container", "readonlyRootFilesystem", "always"),
    "a launch type": changed("service", "launchType", "Fargate"),
    "a share of tasks": changed("service", "deploymentConfiguration.maximumPercent", "all"),
    "an adjustment": changed(
        "scaling", "policies.0.StepScalingPolicyConfiguration.AdjustmentType", "Percent"
    ),
    "a kind of policy": changed("scaling", "policies.0.PolicyType", "Step"),
    "a comparison": changed("scaling", "alarms.0.ComparisonOperator", ">"),
    "an alarm without periods": changed("scaling", "alarms.0.EvaluationPeriods"),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What cfn-lint says of each environment, and of all twins."""
    templates = {name: template(all_of(name)) for name in ENVIRONMENTS}
    assert all(len(value["Resources"]) > 200 for value in templates.values())
    twins = (_twin(number, apply) for number, apply in enumerate(TWINS.values()))
    return lint({**templates, "twins": template(twins)}, tmp_path_factory.mktemp("templates"))


def _twin(number: int, apply: Break) -> Definition:
    definition = named("production", "event_bus").copy()
    apply(definition)
    return replace(definition, name=f"twin_{number}x")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_is_generated_passes(environment: str, found: dict[str, list[str]]) -> None:
    assert found[environment] == []


@pytest.mark.parametrize("number", range(len(TWINS)), ids=TWINS)
def test_what_is_broken_is_seen(number: int, found: dict[str, list[str]]) -> None:
    assert [text for text in found["twins"] if text.startswith(f"Twin{number}x")]
