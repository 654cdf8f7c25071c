"""What Checkov says of the modules and of the plan of each environment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.platform.terraform import checkov, roots

TWINS = [
    (
        "nats/configuration.tf",
        "block_public_policy     = true",
        "block_public_policy = false",
        "CKV_AWS_54",
    ),
    (
        "nats/configuration.tf",
        'sse_algorithm     = "aws:kms"',
        'sse_algorithm = "AES256"',
        "CKV_AWS_145",
    ),
    ("nats/configuration.tf", 'status = "Enabled"\n  }', 'status = "Suspended"\n  }', "CKV_AWS_21"),
    ("nats/main.tf", "encrypted         = true", "encrypted = false", "CKV_AWS_3"),
    ("nats/main.tf", '= "required"', '= "optional"', "CKV_AWS_79"),
    (
        "network/security_groups.tf",
        'cidr_ipv4         = each.value\n  ip_protocol       = "tcp"\n'
        "  from_port         = 443\n  to_port           = 443",
        'cidr_ipv4 = "0.0.0.0/0"\n  ip_protocol = "tcp"\n  from_port = 22\n  to_port = 22',
        "CKV_AWS_24",
    ),
    (
        "network/main.tf",
        "map_public_ip_on_launch = false",
        "map_public_ip_on_launch = true",
        "CKV_AWS_130",
    ),
    (
        "network/main.tf",
        "vpc_id                   = aws_vpc.this.id\n  traffic_type",
        'subnet_id = "subnet-1"\n  traffic_type',
        "CKV2_AWS_11",
    ),
    (
        "redis/main.tf",
        "transit_encryption_enabled = true",
        "transit_encryption_enabled = false",
        "CKV_AWS_30",
    ),
    (
        "redis/main.tf",
        "at_rest_encryption_enabled = true",
        "at_rest_encryption_enabled = false",
        "CKV_AWS_29",
    ),
    ("redis/main.tf", "kms_key_id                 = var.kms_key_arn\n", "", "CKV_AWS_191"),
    ("ecs/main.tf", 'value = "enabled"', 'value = "disabled"', "CKV_AWS_65"),
    ("ecs/gateway.tf", '"HTTPS"', '"HTTP"', "CKV_AWS_2"),
    (
        "ecs/gateway.tf",
        "drop_invalid_header_fields = true",
        "drop_invalid_header_fields = false",
        "CKV_AWS_131",
    ),
    ("monitoring/main.tf", "kms_master_key_id = var.data_key_arn", "", "CKV_AWS_26"),
    (
        "monitoring/collector.tf",
        "assign_public_ip = false",
        "assign_public_ip = true",
        "CKV_AWS_333",
    ),
    ("registry/main.tf", '"IMMUTABLE"', '"MUTABLE"', "CKV_AWS_51"),
    ("registry/main.tf", "scan_on_push = true", "scan_on_push = false", "CKV_AWS_163"),
    (
        "secrets/keys.tf",
        "enable_key_rotation     = true",
        "enable_key_rotation = false",
        "CKV_AWS_7",
    ),
    ("secrets/main.tf", "  kms_key_id  = aws_kms_key.secrets.arn\n", "", "CKV_AWS_149"),
]

OF_VALUES = {"CKV_AWS_338", "CKV2_AWS_35"}
"""Checks of values that are known in plans only."""


@pytest.fixture(scope="module")
def of_twins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What Checkov finds in broken copies of modules, by the number of the copy."""
    folder = tmp_path_factory.mktemp("twins")
    for number, (file, old, new, _) in enumerate(TWINS):
        module, _, name = file.partition("/")
        copy = folder / f"twin{number}"
        shutil.copytree(
            roots.SOURCE / "modules" / module, copy, ignore=shutil.ignore_patterns("node")
        )
        text = (copy / name).read_text()
        assert old in text, old
        (copy / name).write_text(text.replace(old, new))
    found: dict[str, set[str]] = {}
    for finding in checkov.findings(folder, "terraform"):
        found.setdefault(finding.file.split("/")[1], set()).add(finding.check)
    return found


@pytest.mark.parametrize("number", range(len(TWINS)), ids=[check for *_, check in TWINS])
def test_what_is_unsafe_is_found(number: int, of_twins: dict[str, set[str]]) -> None:
    assert TWINS[number][-1] in of_twins[f"twin{number}"]


def test_the_modules_pass() -> None:
    assert checkov.findings(roots.SOURCE, "terraform") == []


def test_every_suppression_says_why() -> None:
    for suppression in checkov.suppressions(roots.SOURCE):
        assert len(suppression.reason.split()) >= 5, suppression


@pytest.fixture(scope="session")
def of_plan(
    next_plan: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> set[tuple[str, str]]:
    """What Checkov finds in a plan in which nothing is unknown."""
    plan = tmp_path_factory.mktemp("plan") / "plan.json"
    plan.write_text(json.dumps(next_plan))
    return {(f.check, f.resource) for f in checkov.findings(plan, "terraform_plan")}


def test_the_plan_passes(of_plan: set[tuple[str, str]]) -> None:
    expected = {(s.check, s.resource) for s in checkov.suppressions(roots.SOURCE)}
    assert of_plan - expected == set()


def test_no_suppression_is_without_need(modules: Path, tmp_path: Path) -> None:
    copy = tmp_path / "modules"
    shutil.copytree(roots.SOURCE / "modules", copy, ignore=shutil.ignore_patterns(".terraform*"))
    said = {(s.check, s.resource) for s in checkov.suppressions(copy)}
    for path in copy.rglob("*.tf"):
        path.write_text(path.read_text().replace("checkov:skip=", "not skipped: "))
    found = {(f.check, f.resource) for f in checkov.findings(copy, "terraform")}
    assert {pair for pair in said if pair[0] not in OF_VALUES} - found == set()
