"""What Terraform is told of an environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protoc_gen_nats.manifest import load_manifest
from protoc_gen_nats.targets.terraform.variables import Names, render, render_registry

HEAD = """\
version: 1
deployment:
  name: shop
  base_image: docker.io/library/python:3.12-slim
environments:
  dev:
    region: eu-central-1
    network: 10.20.0.0/16
    registry: ecr
    nats: {instance_type: m6i.large, disk: 50 GiB, file_store: 40 GiB}
"""
NAMES = Names(("order", "stock"), ("deployer", "gateway", "order", "stock"))


def variables(folder: Path, more: str = "", names: Names = NAMES) -> dict[str, Any]:
    path = folder / "protonats.yaml"
    path.write_text(HEAD + more)
    manifest = load_manifest(path)
    assert manifest.deployment is not None
    file = render(manifest.environments["dev"], manifest.deployment, names)
    assert file.path == "deploy/dev/terraform.tfvars.json"
    value: dict[str, Any] = json.loads(file.content)
    return value


def test_nodes_are_spread_over_the_zones(tmp_path: Path) -> None:
    nodes = variables(tmp_path)["nats"]["nodes"]

    assert nodes == {
        "nats-1": {"zone": "eu-central-1a", "address": "10.20.0.10"},
        "nats-2": {"zone": "eu-central-1b", "address": "10.20.16.10"},
        "nats-3": {"zone": "eu-central-1c", "address": "10.20.32.10"},
        "nats-4": {"zone": "eu-central-1a", "address": "10.20.0.11"},
        "nats-5": {"zone": "eu-central-1b", "address": "10.20.16.11"},
    }


def test_subnets_do_not_overlap(tmp_path: Path) -> None:
    network = variables(tmp_path)["network"]

    assert network == {
        "cidr": "10.20.0.0/16",
        "private_subnets": {
            "eu-central-1a": "10.20.0.0/20",
            "eu-central-1b": "10.20.16.0/20",
            "eu-central-1c": "10.20.32.0/20",
        },
        "public_subnets": {
            "eu-central-1a": "10.20.240.0/24",
            "eu-central-1b": "10.20.241.0/24",
            "eu-central-1c": "10.20.242.0/24",
        },
    }


def test_redis_and_gateway_may_be_absent(tmp_path: Path) -> None:
    value = variables(tmp_path)

    assert (value["redis"], value["gateway_host"]) == (None, None)
    assert value["services"] == ["order", "stock"]


def test_a_gateway_is_one_more_task(tmp_path: Path) -> None:
    value = variables(tmp_path, "    gateway: {host: api.shop.example}\n")

    assert value["gateway_host"] == "api.shop.example"
    assert value["services"] == ["gateway", "order", "stock"]


def test_a_gateway_without_routes_does_not_run(tmp_path: Path) -> None:
    names = Names(("order",), ("deployer", "order"))
    value = variables(tmp_path, "    gateway: {host: api.shop.example}\n", names)

    assert (value["gateway_host"], value["services"]) == (None, ["order"])


def test_sizes_and_times_have_the_units_of_aws(tmp_path: Path) -> None:
    value = variables(
        tmp_path,
        "    certificates: {lifetime: 30d, renew_before: 10d}\n"
        "    alerts: {certificate_expiry: 5d}\n",
    )

    assert value["nats"]["disk_gib"] == 50
    assert value["certificates"] == {"lifetime_days": 30, "renew_before_days": 10}


def test_services_with_secrets_are_named(tmp_path: Path) -> None:
    value = variables(tmp_path, "    services: {stock: {secrets: [SUPPLIER_KEY]}}\n")

    assert value["service_secrets"] == ["stock"]


@pytest.mark.parametrize(
    ("registry", "repositories"),
    [("ecr", ["exporter", "order", "stock", "tools"]), ("registry.example.com/shop", None)],
)
def test_repositories_are_those_of_the_account(
    registry: str, repositories: list[str] | None, tmp_path: Path
) -> None:
    path = tmp_path / "protonats.yaml"
    path.write_text(HEAD.replace("registry: ecr", f"registry: {registry}"))
    manifest = load_manifest(path)
    assert manifest.deployment is not None
    files = list(render_registry(manifest.environments, manifest.deployment, NAMES))

    found = [json.loads(file.content)["repositories"] for file in files]
    assert found == ([] if repositories is None else [repositories])
