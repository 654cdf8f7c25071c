"""The roots of the environments, validated, planned and carried out on the stand-in provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform.terraform import roots
from tests.platform.terraform.roots import resources


def _generated(root: roots.Root) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(root.variables[0].read_text())
    return value


def _containers(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for _, values in resources(state, "aws_ecs_task_definition"):
        for container in json.loads(values["container_definitions"]):
            yield values["family"], container


def test_it_is_valid(root: roots.Root) -> None:
    assert root.validate() == []


def test_a_plan_creates_and_destroys_nothing(plan: dict[str, Any]) -> None:
    actions = {tuple(c["change"]["actions"]) for c in plan["resource_changes"]}
    assert actions <= {("create",), ("read",)}


def test_what_was_carried_out_stays_as_it_is(next_plan: dict[str, Any]) -> None:
    actions = {tuple(c["change"]["actions"]) for c in next_plan["resource_changes"]}
    assert actions <= {("no-op",), ("read",)}


def test_every_service_runs(root: roots.Root, state: dict[str, Any]) -> None:
    generated = _generated(root)
    prefix = f"{generated['name']}-{generated['environment']}"
    services = [*generated["services"], "monitor"]
    assert {v["name"] for _, v in resources(state, "aws_ecs_service")} == set(services)
    families = {v["family"] for _, v in resources(state, "aws_ecs_task_definition")}
    assert families >= {f"{prefix}-{user}" for user in services}
    logs = {v["name"] for _, v in resources(state, "aws_cloudwatch_log_group")}
    assert logs >= {f"/{prefix}/{user}" for user in services}


def test_no_task_or_machine_has_a_public_address(state: dict[str, Any]) -> None:
    for address, service in resources(state, "aws_ecs_service"):
        assert service["network_configuration"][0]["assign_public_ip"] is False, address
    for address, subnet in resources(state, "aws_subnet"):
        assert subnet["map_public_ip_on_launch"] is False, address
    assert list(resources(state, "aws_nat_gateway")) == []


def test_nothing_is_open_to_everybody(state: dict[str, Any]) -> None:
    rules = list(resources(state, "aws_vpc_security_group_ingress_rule"))
    ranges = [rule["cidr_ipv4"] for _, rule in rules if rule["cidr_ipv4"]]
    assert rules
    assert ranges == ["198.51.100.0/24"]
    for _, rule in resources(state, "aws_vpc_security_group_egress_rule"):
        assert rule["cidr_ipv4"] is None


def test_images_are_named_by_their_digest(state: dict[str, Any]) -> None:
    for family, container in _containers(state):
        assert "@sha256:" in container["image"], family


def test_a_task_gets_its_own_secrets(root: roots.Root, state: dict[str, Any]) -> None:
    generated = _generated(root)
    prefix = f"{generated['name']}-{generated['environment']}"
    for family, container in _containers(state):
        task = family.removeprefix(f"{prefix}-")
        user = {"tools": "deployer"}.get(task, task)
        own = {f"{prefix}/nats/{user}", f"{prefix}/services/{user}", f"{prefix}/redis"}
        for secret in container.get("secrets", []):
            name = secret["valueFrom"].split(":secret/")[1].split(":")[0]
            assert name in own, (family, secret)


def test_two_roles_belong_to_each_task(state: dict[str, Any]) -> None:
    roles = []
    for _, task in resources(state, "aws_ecs_task_definition"):
        assert task["execution_role_arn"] != task["task_role_arn"]
        roles += [task["execution_role_arn"], task["task_role_arn"]]
    assert len(set(roles)) == len(roles)


def test_everything_at_rest_is_encrypted_and_every_log_ends(
    root: roots.Root, state: dict[str, Any]
) -> None:
    retention = _generated(root)["log_retention"]
    for address, group in resources(state, "aws_cloudwatch_log_group"):
        assert group["retention_in_days"] == retention, address
        assert group["kms_key_id"].startswith("arn:aws:kms:"), address
    for address, secret in resources(state, "aws_secretsmanager_secret"):
        assert secret["kms_key_id"].startswith("arn:aws:kms:"), address


def test_secrets_have_no_values_in_terraform(state: dict[str, Any]) -> None:
    assert list(resources(state, "aws_secretsmanager_secret_version")) == []


def test_the_token_of_redis_is_never_shown(root: roots.Root, plan: dict[str, Any]) -> None:
    assert plan
    assert "x" * 40 not in root.run("show", "-no-color", "plan").stdout


def test_nodes_lie_in_all_zones(root: roots.Root, state: dict[str, Any]) -> None:
    nodes = _generated(root)["nats"]["nodes"]
    zones = [volume["availability_zone"] for _, volume in resources(state, "aws_ebs_volume")]
    assert len(zones) == len(nodes)
    counts = sorted(zones.count(zone) for zone in set(zones))
    assert counts == ([1, 2, 2] if len(nodes) == 5 else [1, 1, 1])


def test_user_data_fits_and_differs_between_nodes(state: dict[str, Any]) -> None:
    sizes = [len(v["user_data"]) * 3 // 4 for _, v in resources(state, "aws_launch_template")]
    assert max(sizes) <= 16384
    shown = state["values"]["outputs"]["platform"]["value"]["nats_user_data"]
    assert len(set(shown.values())) == len(sizes)


def test_every_image_has_a_repository(modules: Path, terraform_run: dict[str, str]) -> None:
    registry = roots.registry_root(modules, terraform_run)
    registry.init()
    assert registry.validate() == []
    names = {v["name"] for _, v in resources(registry.plan(), "aws_ecr_repository")}
    production = roots.environment_root(modules, "production", terraform_run)
    generated = _generated(production)
    assert names >= {f"{generated['name']}/{user}" for user in generated["services"]}


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("redis/main.tf", "multi_az_enabled", "multi_az_enable", "Unsupported argument"),
        (
            "nats/main.tf",
            'resource "aws_ebs_volume"',
            'resource "aws_ebs_disk"',
            "Invalid resource type",
        ),
        ("nats/main.tf", "metadata_options {", "metadata_option {", "Unsupported block type"),
        (
            "secrets/keys.tf",
            "enable_key_rotation     = true",
            'enable_key_rotation = "often"',
            "a bool is required",
        ),
        (
            "nats/main.tf",
            "size              = var.disk_gib",
            'size = "large"',
            "a number is required",
        ),
        ("redis/main.tf", "  replication_group_id = var.prefix\n", "", "Missing required argument"),
        (
            "nats/balancer.tf",
            '  default_action {\n    type             = "forward"\n'
            "    target_group_arn = aws_lb_target_group.clients.arn\n  }\n",
            "",
            "Insufficient default_action blocks",
        ),
        (
            "nats/main.tf",
            "aws_ebs_volume.data[each.key].id",
            "aws_ebs_volume.dat[each.key].id",
            "Reference to undeclared resource",
        ),
        ("nats/balancer.tf", "aws_lb.this.dns_name", "aws_lb.this.dns", "Unsupported attribute"),
        ("ecs/roles.tf", 'var.name}"', 'var.nam}"', "Reference to undeclared input variable"),
        (
            "platform/main.tf",
            "  log_retention   = var.log_retention\n",
            "",
            "Missing required argument",
        ),
        (
            "network/main.tf",
            "cidr_block           = var.cidr",
            'cidr_block = var.cidr\n  owner_id = "me"',
            "Value for owner_id: only AWS says",
        ),
    ],
)
def test_what_is_wrong_is_found(
    file: str, old: str, new: str, says: str, tmp_path: Path, terraform_run: dict[str, str]
) -> None:
    modules = roots.copied(tmp_path)
    path = modules / "modules" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    root = roots.environment_root(modules, "dev", terraform_run)
    root.init()
    problems = root.validate()
    assert [text for text in problems if says in text], problems


@pytest.mark.parametrize("root", ["dev"], indirect=True)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"nats": {"instance_type": "t3.medium", "nodes": {}}}, 'attribute "disk_gib" is required'),
        ({"services": "quest"}, "set of string required"),
        ({"installation": {"images": {}}}, "are required"),
    ],
)
def test_wrong_variables_are_refused(
    change: dict[str, Any], says: str, root: roots.Root, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.tfvars.json"
    file.write_text(json.dumps(change))
    files = [f"-var-file={path}" for path in (*root.variables, file)]
    result = root.run("plan", "-no-color", "-input=false", *files, check=False)
    assert result.returncode == 1
    assert says in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("root", ["dev"], indirect=True)
def test_an_image_without_digest_is_refused(root: roots.Root, tmp_path: Path) -> None:
    given = json.loads(root.variables[1].read_text())
    given["installation"]["images"] = dict.fromkeys(
        given["installation"]["images"], "registry.example.com/quest:latest"
    )
    file = tmp_path / "latest.tfvars.json"
    file.write_text(json.dumps(given))
    files = [f"-var-file={path}" for path in (*root.variables, file)]
    result = root.run("plan", "-no-color", "-input=false", *files, check=False)
    assert result.returncode == 1
    assert "An image is named by its digest" in result.stderr
