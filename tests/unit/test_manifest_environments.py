"""`deployment` and `environments` of `protonats.yaml`, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from protoc_gen_nats.environments import (
    Accounts,
    AlertThresholds,
    CertificateSettings,
    Environment,
    NatsSettings,
    RedisSettings,
    ServiceSettings,
)
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.manifest import Manifest, load_manifest

HEAD = """\
version: 1
deployment:
  name: shop
  base_image: docker.io/library/python:3.12-slim
  services:
    defaults: {cpu: 256, variables: {LEVEL: info, UNIT: kg}}
    order: {min_tasks: 3, secrets: [PAYMENT_KEY]}
environments:
"""
DEV = """\
  dev:
    region: eu-central-1
    network: 10.10.0.0/16
    registry: ecr
    nats: {instance_type: m6i.large, disk: 10 GiB, file_store: 8 GiB}
"""
PRODUCTION = DEV.replace("dev:", "production:").replace("10.10", "10.20")


def load(folder: Path, text: str) -> Manifest:
    path = folder / "protonats.yaml"
    path.write_text(text)
    return load_manifest(path)


def environment(folder: Path, more: str = "") -> Environment:
    return load(folder, HEAD + DEV + more).environments["dev"]


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    dev = environment(tmp_path)

    assert dev.zones == ("eu-central-1a", "eu-central-1b", "eu-central-1c")
    assert dev.log_retention == 30
    assert dev.nats == NatsSettings(
        instance_type="m6i.large", disk=10 << 30, file_store=8 << 30, nodes=5
    )
    assert (dev.redis, dev.gateway) == (None, None)
    assert dev.alerts == AlertThresholds()
    assert str(dev.place) == "protonats.yaml:9:3"


def test_the_nearest_setting_wins_and_variables_are_joined(tmp_path: Path) -> None:
    services = """\
    services:
      defaults: {cpu: 1024, memory: 2 GiB, variables: {LEVEL: debug}}
      order: {memory: 3 GiB, variables: {SHOP: one}, secrets: [MAP_KEY]}
"""
    dev = environment(tmp_path, services)

    assert dev.service("stock") == ServiceSettings(
        cpu=1024, memory=2 << 30, variables={"LEVEL": "debug", "UNIT": "kg"}
    )
    assert dev.service("order") == ServiceSettings(
        cpu=1024,
        memory=3 << 30,
        min_tasks=3,
        variables={"LEVEL": "debug", "UNIT": "kg", "SHOP": "one"},
        secrets=("PAYMENT_KEY", "MAP_KEY"),
    )


def test_every_part_of_an_environment_is_read(tmp_path: Path) -> None:
    more = """\
    zones: [eu-central-1a, eu-central-1b, eu-central-1d]
    redis: {instance_type: cache.r7g.large, shards: 2.0, replicas: 0}
    gateway: {host: api.shop.example, stop_timeout: 2m}
    certificates: {lifetime: 30d, renew_before: 10d}
    alerts: {certificate_expiry: 12h, latency: 250ms, dead_letters: 3}
"""
    dev = environment(tmp_path, more)

    assert dev.zones[-1] == "eu-central-1d"
    assert dev.redis == RedisSettings(instance_type="cache.r7g.large", shards=2, replicas=0)
    assert "shards=2," in repr(dev.redis)
    assert dev.gateway is not None
    assert (dev.gateway.host, dev.gateway.service.stop_timeout) == ("api.shop.example", 120.0)
    assert dev.gateway.service.variables == {"LEVEL": "info", "UNIT": "kg"}
    assert dev.service("gateway") == dev.gateway.service
    assert dev.certificates == CertificateSettings(lifetime=30 * 86400, renew_before=10 * 86400)
    assert dev.alerts == AlertThresholds(certificate_expiry=43200, latency=0.25, dead_letters=3)


def test_settings_are_remembered_with_their_places(tmp_path: Path) -> None:
    more = "    services: {stock: {cpu: 256}}\n"
    deployment = load(tmp_path, HEAD + DEV + more).deployment

    assert deployment is not None
    assert deployment.accounts == Accounts()
    assert [(name, str(place)) for name, place in deployment.named] == [
        ("stock", "protonats.yaml:14:16"),
        ("order", "protonats.yaml:7:5"),
    ]


NATS = "nats: {instance_type: m6i.large, disk: 10 GiB, file_store: 8 GiB}"


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("name: shop", "name: Shop", "3:3: deployment.name cannot be 'Shop': write a name of at"),
        ("name: shop", "name: shop-", "3:3: deployment.name cannot be 'shop-': write a name of at"),
        ("name: shop", "name: shop-of-many-things", "14:3: environment production: shop-of-many"),
        ("3.12-slim", "latest", "4:3: base_image is another image tomorrow: write a tag of a ver"),
        (":3.12-slim", "", "4:3: deployment.base_image cannot be 'docker.io/library/python': wri"),
        ("cpu: 256", 'cpu: "512"', "6:16: deployment.services.defaults.cpu cannot be '512': wr"),
        ("cpu: 256", "cpu: 500", "6:16: deployment.services.defaults.cpu cannot be 500: write 25"),
        ("cpu: 256", "memory: 1 GB", "memory cannot be '1 GB': write a size above zero such as"),
        ("cpu: 256", "memory: 512", "memory cannot be 512: write a size above zero such as 512"),
        ("cpu: 256", "stop_timeout: 3 min", "stop_timeout cannot be '3 min': write a duration ab"),
        ("cpu: 256", "stop_timeout: 3m", "6:16: deployment.services.defaults.stop_timeout cannot"),
        ("cpu: 256", "stop_timeout: 3m", "'3m': ECS waits for at most 120s: write less"),
        ("cpu: 256", "availability: 99.9", "write a share above 0 and below 1, such as 0.8"),
        ("cpu: 256", "cpus: 512", "6:16: unknown key 'cpus': did you mean 'cpu'?"),
        ("min_tasks: 3", "min_tasks: 30", "7:13: environment dev: order has at least 30 tasks a"),
        ("LEVEL: info", "LEVEL: 5", "6:38: deployment.services.defaults.variables.LEVEL cannot b"),
        ("LEVEL: info", "level: info", "variables cannot be 'level': write a variable's name of"),
        ("LEVEL: info", "NATS_URL: x", "6:38: deployment.services.defaults: the variable NATS_U"),
        ("LEVEL: info", "NATS_URL: x", "NATS_URL is set by the deployment itself: leave it out"),
        ("LEVEL: info", 'PROTONATS_GRACE_PERIOD: "90"', "GRACE_PERIOD is set by the deployment i"),
        ("LEVEL: info", "DB_PASSWORD: x", "6:38: deployment.services.defaults: the variable DB_"),
        ("LEVEL: info", "DB_PASSWORD: x", "whoever reads this file reads it: write its name in"),
        ("LEVEL: info", "API_TOKEN: x", "the variable API_TOKEN looks like a secret"),
        ("LEVEL: info", "MAP_KEY: x", "the variable MAP_KEY looks like a secret"),
        ("LEVEL: info", "A: 'http://u:p@h'", "the variable A looks like a secret, and whoever re"),
        ("[PAYMENT_KEY]", "[UNIT, REDIS_URL]", "7:27: deployment.services.order: the secret RED"),
        ("[PAYMENT_KEY]", "[key]", "secrets.0 cannot be 'key': write a variable's name of upper"),
        ("  services:", "  accounts: {gateway: SYS}\n  services:", "and system are both called SY"),
        ("network: 10.10.0.0/16", "network: 10.10.1.0/16", "dev: network: 10.10.1.0/16 has host"),
        ("network: 10.10.0.0/16", "network: 8.8.0.0/16", "8.8.0.0/16 has public addresses: writ"),
        ("network: 10.10.0.0/16", "network: 10.0.0.0/8", "11:5: environment dev: network: 10.0"),
        ("10.20.0.0/16", "10.10.16.0/20", "16:5: environment production: network 10.10.16.0/20 "),
        ("10.20.0.0/16", "10.10.16.0/20", "overlaps with 10.10.0.0/16 of dev, so the two can ne"),
        ("region: eu-central-1", "region: Frankfurt", "10:5: environments.dev.region cannot be "),
        ("registry: ecr", "zones: [eu-central-1a]", "environments.dev has no 'registry': write it"),
        (NATS, f"zones: [eu-central-1a, eu-west-1b]\n    {NATS}", "13:28: environment dev: zone "),
        (NATS, f"zones: [eu-central-1a]\n    {NATS}", "write a list of two or more availability"),
        ("registry: ecr", "registry: ''", "registry cannot be '': write ecr, or the registry of"),
        ("registry: ecr", "registry: ecr\n    log_retention: 8", "log_retention cannot be 8: wr"),
        ("disk: 10 GiB", "disk: 7 GiB", "environment dev: file_store is larger than the disk th"),
        ("m6i.large", "m7g.large", "13:12: environment dev: m7g.large has an ARM processor, and"),
        ("m6i.large", "large", "instance_type cannot be 'large': write an instance type such as"),
        (NATS, "nats:", "13:5: environments.dev.nats is empty: write a mapping with `instance_ty"),
        ("disk: 10 GiB", "nodes: 4, disk: 10 GiB", "environments.dev.nats.nodes cannot be 4: wr"),
        (NATS, f"{NATS}\n    redis: {{}}", "environments.dev.redis has no 'instance_type': write"),
        (NATS, f"{NATS}\n    gateway: {{host: Shop}}", "gateway.host cannot be 'Shop': write a"),
        (NATS, f"{NATS}\n    gateway: {{requirements: x}}", "unknown key 'requirements': known: a"),
        (
            NATS,
            f"{NATS}\n    certificates: {{lifetime: 7d}}",
            "14:5: environment dev: certificates are renewed before they begin: make renew_before",
        ),
        (
            NATS,
            f"{NATS}\n    alerts: {{certificate_expiry: 40d}}",
            "14:14: environment dev: every certificate raises an alert before it is renewed",
        ),
        (
            NATS,
            f"{NATS}\n    gateway: {{host: a.b, min_tasks: 50}}",
            "14:26: environment dev: gateway has at least 50 tasks and at most 20: make max_tasks",
        ),
    ],
)
def test_a_wrong_setting_is_an_error_with_its_place(
    tmp_path: Path, old: str, new: str, error: str
) -> None:
    text = HEAD + DEV + PRODUCTION
    assert old in text

    with pytest.raises(UserError) as caught:
        load(tmp_path, text.replace(old, new, 1))

    assert error in str(caught.value)


def test_two_environments_have_two_gateways(tmp_path: Path) -> None:
    gateway = "    gateway: {host: api.shop.example}\n"

    with pytest.raises(UserError, match=r"20:15: environment production: api.shop.example is the"):
        load(tmp_path, HEAD + DEV + gateway + PRODUCTION + gateway)


def test_a_deployment_needs_somewhere_to_go(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^protonats.yaml:2:1: deployment has no environments"):
        load(tmp_path, HEAD.removesuffix("environments:\n"))


@pytest.mark.parametrize(
    ("zones", "nodes", "replicas", "error"),
    [
        ("abc", 5, 3, ""),
        ("abc", 1, 3, ""),
        ("abc", 5, 5, "streams.EVENTS wants 5 replicas, each in a zone of its own, and environment"
            " dev has 5 nodes in 3 zones: write fewer replicas, or more nodes and zones"),
        ("ab", 3, 3, "environment dev has 3 nodes in 2 zones"),
        ("abcde", 5, 5, ""),
    ],
)  # fmt: skip
def test_replicas_fit_into_the_zones(
    tmp_path: Path, zones: str, nodes: int, replicas: int, error: str
) -> None:
    manifest = yaml.safe_load(HEAD + DEV)
    dev = manifest["environments"]["dev"]
    dev["zones"] = [f"eu-central-1{zone}" for zone in zones]
    dev["nats"]["nodes"] = nodes
    manifest["streams"] = {"EVENTS": {"subjects": ["evt.>"], "replicas": replicas}}

    try:
        load(tmp_path, yaml.safe_dump(manifest))
        said = ""
    except UserError as wrong:
        said = str(wrong)

    assert error in said
    assert bool(error) == bool(said)
