"""What Terraform sends to the machines is what these tests boot, with other values."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.platform.node.rendering import render
from tests.platform.node.rules import problems
from tests.platform.terraform import roots
from tests.platform.terraform.provider_mirror import terraform_environment
from tests.platform.terraform.states import kept_in_memory

NAMES = {
    "server_name": "SERVER_NAME",
    "region": "AWS_REGION",
    "volume_id": "VOLUME_ID",
    "bucket": "BUCKET",
    "server_object": "SERVER_OBJECT",
    "server_sha256": "SERVER_SHA256",
    "certificate_authority_arn": "AUTHORITY_ARN",
    "signing_algorithm": "SIGNING_ALGORITHM",
    "certificate_days": "CERTIFICATE_DAYS",
    "renew_before_days": "RENEW_BEFORE_DAYS",
}
"""The variables of the module, and what its settings call them."""


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The user data in the launch templates of production, by name."""
    folder = tmp_path_factory.mktemp("sent")
    with kept_in_memory() as address:
        environment = terraform_environment(folder / "provider") | {"TF_HTTP_ADDRESS": address}
        root = roots.environment_root(roots.copied(folder), "production", environment)
        root.init()
        root.plan("-target=module.platform.module.nats")
        state = root.apply()
    return {
        values["name"]: gzip.decompress(base64.b64decode(values["user_data"])).decode()
        for _, values in roots.resources(state, "aws_launch_template")
    }


def settings(text: str) -> dict[str, str]:
    """What the node of some user data is told."""
    files = {file["path"]: file["content"] for file in yaml.safe_load(text)["write_files"]}
    lines = files["/etc/nats/settings.env"].splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_each_node_is_sent_what_the_module_renders(sent: dict[str, str], tmp_path: Path) -> None:
    nodes: dict[str, dict[str, Any]] = {}
    for text in sent.values():
        told = settings(text)
        values: dict[str, Any] = {name: told[setting] for name, setting in NAMES.items()}
        nodes[told["SERVER_NAME"]] = values | {"dns_names": told["DNS_NAMES"].split(",")}

    rendered = render(tmp_path / "terraform", nodes)

    assert sorted(nodes) == [f"nats-{number}" for number in range(1, 6)]
    assert sorted(each.text for each in rendered.values()) == sorted(sent.values())
    for each in rendered.values():
        assert list(problems(each.files)) == []


def test_nodes_differ_in_name_and_volume_alone(sent: dict[str, str]) -> None:
    told = [settings(text) for text in sent.values()]

    for name in told[0]:
        values = {each[name] for each in told}
        assert len(values) == (5 if name in ("SERVER_NAME", "VOLUME_ID") else 1), name


def test_no_machine_is_sent_a_secret(sent: dict[str, str]) -> None:
    everything = json.dumps(sent)
    assert "PRIVATE KEY-" not in everything
    assert "nkey_seed" not in everything
