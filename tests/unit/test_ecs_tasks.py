"""Task and service definitions, by what the manifest says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protoc_gen_nats.deploying.filling import filled, placeholders
from protoc_gen_nats.environments import ServiceSettings
from protoc_gen_nats.targets.ecs.programs import Program, tools_of
from protoc_gen_nats.targets.ecs.services import service_definition
from protoc_gen_nats.targets.ecs.tasks import task_definition
from tests.unit.ecs_manifest import deployed

REDIS = "    redis: {instance_type: cache.r7g.large}\n"


def program(name: str = "order", **settings: Any) -> Program:
    return Program(name=name, user=name, settings=ServiceSettings(**settings))


def container(
    of: Program, more: str = "", *, login: str = "nkeys", fill: bool = True
) -> dict[str, Any]:
    definition = task_definition(of, *deployed(more, login=login))
    if fill:
        values = {name: f"<{name}>" for name in placeholders(definition)}
        definition = filled(definition, values, "task-definition.json")
    (found,) = definition["containerDefinitions"]
    return dict(found)


def variables(of: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in of["environment"]}


def secrets(of: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["valueFrom"] for one in of["secrets"]}


def test_what_a_service_proves_who_it_is_with_comes_from_its_secret() -> None:
    found = container(program(secrets=("PAYMENT_KEY",)), REDIS)

    assert secrets(found) == {
        "NATS_NKEY_SEED": "<secret_arn>:nkey_seed::",
        "NATS_CA_PEM": "<secret_arn>:ca::",
        "NATS_CERT_PEM": "<secret_arn>:certificate::",
        "NATS_KEY_PEM": "<secret_arn>:private_key::",
        "REDIS_URL": "<redis_secret_arn>:url::",
        "PAYMENT_KEY": "<service_secret_arn>:PAYMENT_KEY::",
    }


def test_with_signed_accounts_it_logs_in_with_its_credentials() -> None:
    found = secrets(container(program(), login="jwt"))

    assert found["NATS_CREDS_TEXT"] == "<secret_arn>:creds::"
    assert "NATS_NKEY_SEED" not in found


def test_without_redis_nobody_is_told_of_it() -> None:
    assert "REDIS_URL" not in secrets(container(program()))


@pytest.mark.parametrize(
    ("stop", "timeout", "grace"),
    [(30.0, 30, "25"), (120.0, 120, "115"), (7.5, 8, "2.5"), (3.0, 3, "1"), (0.5, 2, "1")],
)
def test_handlers_end_before_the_process_is_killed(stop: float, timeout: int, grace: str) -> None:
    found = container(program(stop_timeout=stop))

    assert (found["stopTimeout"], variables(found)["PROTONATS_GRACE_PERIOD"]) == (timeout, grace)


def test_the_image_says_what_runs_unless_there_are_arguments() -> None:
    arguments = ("--interceptor=shop:Audit", "services.shop.order.service:OrderService")
    with_arguments = Program(
        name="order", user="order", settings=ServiceSettings(), arguments=arguments
    )

    assert "command" not in container(program())
    assert container(with_arguments)["command"] == [*arguments]


@pytest.mark.parametrize("text", ["${HOME}", "%{if}", "$${x}", "$$", "100%", '"\\n"', "ä", "${"])
def test_a_variable_is_what_the_manifest_says_whatever_it_looks_like(text: str) -> None:
    found = container(program(variables={"TEXT": text}))

    assert variables(found)["TEXT"] == text


def test_nothing_of_a_variable_is_filled_in() -> None:
    found = container(program(variables={"TEXT": "${image} %{ if true }"}), fill=False)

    assert "$${image} %%{ if true }" in json.dumps(found)


def test_tools_look_end_and_write_to_their_own_folder_alone() -> None:
    for tool in tools_of():
        found = container(tool, REDIS)
        assert "healthCheck" not in found
        assert "portMappings" not in found
        assert found["mountPoints"] == [
            {"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}
        ]
        assert "REDIS_URL" not in secrets(found)
    users = {tool.name: tool.user for tool in tools_of()}
    assert users == {"tools": "deployer", "operator": "operator"}


def test_subnets_are_those_of_the_zones() -> None:
    zones = "    zones: [eu-central-1a, eu-central-1b]\n"
    definition = service_definition(program(min_tasks=4), *deployed(zones))

    network = definition["networkConfiguration"]["awsvpcConfiguration"]
    assert network["subnets"] == ["${subnet_1}", "${subnet_2}"]
    assert definition["desiredCount"] == 4


def test_only_the_gateway_is_behind_a_load_balancer() -> None:
    gateway = service_definition(program("gateway"), *deployed())

    assert "loadBalancers" not in service_definition(program(), *deployed())
    assert gateway["loadBalancers"][0]["containerName"] == "gateway"
    assert gateway["healthCheckGracePeriodSeconds"] == 70
