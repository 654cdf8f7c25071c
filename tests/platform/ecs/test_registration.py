"""Everything is brought to a stand-in of AWS, in the order in which it has to be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.platform.ecs.definitions import ENVIRONMENTS, Definition, all_of, named
from tests.platform.ecs.shapes import calls_of
from tests.platform.ecs.twins import Break, changed

REGION = "eu-central-1"


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[str]]]:
    """Subnets and a security group in an account that nobody has, with nothing else in it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        ec2 = client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{zone}"
            )["Subnet"]["SubnetId"]
            for n, zone in enumerate("abc")
        ]
        group = ec2.create_security_group(VpcId=vpc, GroupName="tasks", Description="Tasks")
        yield {"subnets": subnets, "securityGroups": [group["GroupId"]]}


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def in_network(definition: Definition, network: Mapping[str, list[str]]) -> Definition:
    """A definition whose tasks are in the subnets that are there."""
    if definition.service is not None:
        definition.service["networkConfiguration"]["awsvpcConfiguration"].update(network)
    return definition


def register(definition: Definition) -> None:
    """Makes the calls of a definition."""
    for service, operation, parameters in calls_of(definition):
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
        getattr(client(service), method)(**parameters)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_everything_is_accepted(environment: str, network: dict[str, list[str]]) -> None:
    definitions = [in_network(one, network) for one in all_of(environment)]
    cluster = f"bodybroker-{environment}"
    client("ecs").create_cluster(clusterName=cluster)

    for definition in definitions:
        register(definition)

    services = [one for one in definitions if one.service is not None]
    families = client("ecs").list_task_definitions()["taskDefinitionArns"]
    assert len(families) == len(definitions) == 25
    found = [
        one
        for page in client("ecs").get_paginator("list_services").paginate(cluster=cluster)
        for arn in page["serviceArns"]
        for one in client("ecs").describe_services(cluster=cluster, services=[arn])["services"]
    ]
    counts = {one["serviceName"]: one["desiredCount"] for one in found}
    assert counts == {one.name: (one.service or {})["desiredCount"] for one in services}
    assert all(one["taskDefinition"].endswith(f"{one['serviceName']}:1") for one in found)

    scaling = client("application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert len(targets) == len(services)
    policies = scaling.get_paginator("describe_scaling_policies").paginate(ServiceNamespace="ecs")
    assert sum(len(page["ScalingPolicies"]) for page in policies) == _count(services, "policies")
    alarms = client("cloudwatch").get_paginator("describe_alarms").paginate()
    names = {one["AlarmName"] for page in alarms for one in page["MetricAlarms"]}
    assert names >= {
        alarm["AlarmName"] for one in services for alarm in (one.scaling or {})["alarms"]
    }


@pytest.mark.parametrize(
    ("apply", "text"),
    [
        (changed("service", "cluster", "bodybroker-prod"), "Cluster not found"),
        (changed("service", "taskDefinition", "events"), "task definition"),
        (
            changed("scaling", "target.ResourceId", "service/bodybroker-production/x"),
            "doesn't exist",
        ),
        (
            changed("service", "networkConfiguration.awsvpcConfiguration.subnets", ["subnet-0"]),
            "subnet-0",
        ),
    ],
)
def test_what_names_something_that_is_not_there_is_refused(
    apply: Break, text: str, network: dict[str, list[str]]
) -> None:
    client("ecs").create_cluster(clusterName="bodybroker-production")
    definition = in_network(named("production", "event_bus").copy(), network)
    apply(definition)

    with pytest.raises(ClientError, match=text):
        register(definition)


def _count(definitions: list[Definition], key: str) -> int:
    return sum(len((one.scaling or {})[key]) for one in definitions)
