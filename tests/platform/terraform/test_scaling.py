"""What scaling.json says is what Terraform puts into place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.platform.terraform import roots
from tests.platform.terraform.roots import resources


def _scaling(root: roots.Root) -> dict[str, dict[str, Any]]:
    """By service."""
    folder = root.variables[0].parent / "ecs"
    return {path.parent.name: json.loads(path.read_text()) for path in _files(folder)}


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*/scaling.json"))
    assert found
    return found


def test_services_have_as_many_tasks_as_they_may(root: roots.Root, state: dict[str, Any]) -> None:
    found = {
        values["resource_id"].rpartition("/")[2]: (values["min_capacity"], values["max_capacity"])
        for _, values in resources(state, "aws_appautoscaling_target")
    }
    targets = {user: one["target"] for user, one in _scaling(root).items()}
    assert found == {user: (t["MinCapacity"], t["MaxCapacity"]) for user, t in targets.items()}


def test_policies_do_what_they_say(root: roots.Root, state: dict[str, Any]) -> None:
    found = {
        (values["resource_id"].rpartition("/")[2], values["name"]): values
        for _, values in resources(state, "aws_appautoscaling_policy")
    }
    expected = {
        (user, policy["PolicyName"]): policy
        for user, one in _scaling(root).items()
        for policy in one["policies"]
    }
    assert found.keys() == expected.keys()
    for key, policy in expected.items():
        assert found[key]["policy_type"] == policy["PolicyType"]
        steps = policy.get("StepScalingPolicyConfiguration")
        if steps is None:
            (tracking,) = found[key]["target_tracking_scaling_policy_configuration"]
            assert (tracking["target_value"], tracking["disable_scale_in"]) == (60, True)
            continue
        (configuration,) = found[key]["step_scaling_policy_configuration"]
        (adjustment,) = configuration["step_adjustment"]
        (step,) = steps["StepAdjustments"]
        assert configuration["adjustment_type"] == steps["AdjustmentType"]
        assert configuration["cooldown"] == steps["Cooldown"]
        assert adjustment["scaling_adjustment"] == step["ScalingAdjustment"]
        bounds = [adjustment[f"metric_interval_{side}_bound"] for side in ("lower", "upper")]
        falls = step["ScalingAdjustment"] < 0
        assert bounds == ([None, "0"] if falls else ["0", None])


def test_alarms_start_the_policies_of_their_service(
    root: roots.Root, state: dict[str, Any]
) -> None:
    policies = {
        values["arn"]: (values["resource_id"].rpartition("/")[2], values["name"])
        for _, values in resources(state, "aws_appautoscaling_policy")
    }
    found = {
        values["alarm_name"]: values
        for _, values in resources(state, "aws_cloudwatch_metric_alarm")
    }
    expected = {
        alarm["AlarmName"]: (user, alarm)
        for user, one in _scaling(root).items()
        for alarm in one["alarms"]
    }
    assert found.keys() >= expected.keys()
    for name, (user, alarm) in expected.items():
        values = found[name]
        started = [policies[arn] for arn in values["alarm_actions"]]
        names = [a.removeprefix("${").removesuffix("_policy_arn}") for a in alarm["AlarmActions"]]
        assert started == [(user, policy) for policy in names]
        assert values["threshold"] == alarm["Threshold"]
        assert values["period"] == alarm.get("Period")
        queries = {query["id"]: query for query in values["metric_query"] or []}
        assert queries.keys() == {metric["Id"] for metric in alarm.get("Metrics", [])}
        for metric in alarm.get("Metrics", []):
            assert queries[metric["Id"]]["return_data"] == metric["ReturnData"]
            assert (queries[metric["Id"]]["expression"] or None) == metric.get("Expression")
