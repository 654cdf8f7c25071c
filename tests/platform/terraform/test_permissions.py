"""Every call of AWS that a program makes is allowed to its role, and nothing else is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.platform.terraform import api_calls, roots
from tests.platform.terraform.roots import resources
from tests.platform.tools import ROOT

SCRIPTS = roots.SOURCE / "modules" / "nats" / "node" / "files"

UNSCOPED = {"cloudwatch:PutMetricData", "ecr:GetAuthorizationToken"}
"""Rights that AWS knows for all resources only."""

FLOW_LOGS = {"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"}
"""What the guide of VPC says that flow logs need."""

SCHEDULE = {"ecs:RunTask", "iam:PassRole", "kms:Decrypt"}
"""What the guide of EventBridge Scheduler says that starting a task needs."""

COLLECTOR = {"aps:RemoteWrite"}
"""What the collector's exporter `prometheusremotewrite` calls."""


def _called(state: Mapping[str, Any], scripts: Path) -> dict[str, set[str]]:
    """The calls of the holders of every role that calls something."""
    called = {}
    prefix = next(values["name"] for _, values in resources(state, "aws_ecs_cluster"))
    for _, task in resources(state, "aws_ecs_task_definition"):
        containers = json.loads(task["container_definitions"])
        called[f"{task['family']}-execution"] = api_calls.of_containers(containers)
    for _, volume in resources(state, "aws_ebs_volume"):
        called[volume["tags"]["Name"]] = api_calls.of_scripts(scripts.iterdir())
    exporter = api_calls.of_python((ROOT / "runtime" / "protonats").rglob("*.py"))
    called[f"{prefix}-monitor"] = COLLECTOR | exporter
    called[f"{prefix}-rotation"] = api_calls.of_python((ROOT / "codegen").rglob("*.py"))
    called[f"{prefix}-rotation-schedule"] = SCHEDULE
    called[f"{prefix}-flow-logs"] = FLOW_LOGS
    return called


def _differences(state: Mapping[str, Any], scripts: Path = SCRIPTS) -> list[str]:
    called = _called(state, scripts)
    granted = {role: api_calls.granted(policy) for role, policy in api_calls.policies(state)}
    texts = []
    for role in sorted(called | granted):
        calls, rights = called.get(role, set()), granted.get(role, set())
        texts += [f"{role} calls {action} and may not" for action in sorted(calls - rights)]
        texts += [f"{role} may call {action} and does not" for action in sorted(rights - calls)]
    return texts


def test_roles_may_do_exactly_what_their_holders_call(state: dict[str, Any]) -> None:
    assert _differences(state) == []


def test_services_call_nothing_of_aws(root: roots.Root, state: dict[str, Any]) -> None:
    services = json.loads(root.variables[0].read_text())["services"]
    families = {v["family"] for _, v in resources(state, "aws_ecs_task_definition")}
    holders = {role for role, _ in api_calls.policies(state)}
    tasks = {family for family in families if family.rpartition("-")[2] in services}
    assert len(tasks) == len(services)
    assert not tasks & holders


def test_rights_are_for_named_resources(state: dict[str, Any]) -> None:
    for role, statements in api_calls.policies(state):
        for statement in statements:
            actions = api_calls.granted([statement])
            assert not [action for action in actions if "*" in action], role
            places = statement["Resource"]
            places = [places] if isinstance(places, str) else places
            if "*" in places:
                assert actions <= UNSCOPED, (role, statement)
            # Wildcards are for what does not exist yet: below a name, or with a condition.
            for place in places:
                assert place == "*" or ":123456789012:" in place, (role, place)
                if place.endswith("instance/*"):
                    assert statement["Condition"], role


def test_nobody_reads_the_secrets_of_others(state: dict[str, Any]) -> None:
    for role, statements in api_calls.policies(state):
        for statement in statements:
            if statement["Action"] == "secretsmanager:GetSecretValue":
                places = statement["Resource"]
                names = [
                    p for p in ([places] if isinstance(places, str) else places) if "/nats/" in p
                ]
                assert len(names) == 1, role


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "aws autoscaling describe-auto-scaling-groups --names all",
            "calls autoscaling:DescribeAutoScalingGroups and may not",
        ),
        ("  if aws s3api put-object --key x; then", "calls s3:PutObject and may not"),
        ("aws ec2 wait volume-in-use --volume-ids x", "calls ec2:DescribeVolumes and may not"),
    ],
)
def test_a_call_without_a_right_is_found(
    line: str, says: str, state: dict[str, Any], tmp_path: Path
) -> None:
    scripts = tmp_path / "files"
    shutil.copytree(SCRIPTS, scripts)
    with (scripts / "volume").open("a") as script:
        script.write(f"\n{line}\n")
    found = [text for text in _differences(state, scripts) if text.endswith(says)]
    assert len(found) == sum(1 for _ in resources(state, "aws_ebs_volume"))


def test_a_right_without_a_call_is_found(state: dict[str, Any], tmp_path: Path) -> None:
    scripts = tmp_path / "files"
    shutil.copytree(SCRIPTS, scripts)
    (scripts / "volume").write_text("#!/bin/sh\n# aws ec2 attach-volume is called elsewhere\n")
    assert any(
        text.endswith("nats-1 may call ec2:AttachVolume and does not")
        for text in _differences(state, scripts)
    )


def test_calls_of_python_are_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "def put(session):\n"
        "    metrics = session.client('cloudwatch', region_name='x')\n"
        "    metrics.put_metric_data(Namespace='x')\n"
        "class Secrets:\n"
        "    def __init__(self, boto3):\n"
        "        self._client = boto3.client('secretsmanager')\n"
        "    def read(self):\n"
        "        return self._client.get_secret_value(SecretId='x')\n"
    )
    assert api_calls.of_python([module]) == {
        "cloudwatch:PutMetricData",
        "kms:Decrypt",
        "secretsmanager:GetSecretValue",
    }
