"""The modules as `terraform fmt` and `terraform test` see them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.platform.terraform import roots
from tests.platform.tools import tool

TESTED = sorted(path.parents[1].name for path in roots.SOURCE.glob("modules/*/tests/*.tftest.hcl"))


def test_terraform_formats_them_as_they_are() -> None:
    command = [tool("terraform"), "fmt", "-check", "-diff", "-recursive", str(roots.SOURCE)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "")


def test_another_layout_is_found(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text("locals {\nx=1\n}\n")
    command = [tool("terraform"), "fmt", "-check", str(tmp_path)]
    assert subprocess.run(command, capture_output=True).returncode == 3


def test_the_roots_of_all_environments_are_the_same() -> None:
    first, *others = (roots.SOURCE / "environments" / name for name in roots.ENVIRONMENTS)
    for file in sorted(first.glob("*.tf")):
        for other in others:
            assert (other / file.name).read_text() == file.read_text()


def test_modules_name_no_platform_account_or_address() -> None:
    for path in roots.SOURCE.rglob("*.tf"):
        text = path.read_text()
        for word in ("bodybroker", "eu-central-1", "us-east-1", "123456789012"):
            assert word not in text, path


@pytest.mark.parametrize("module", TESTED)
def test_the_tests_of_a_module_pass(
    module: str, modules: Path, terraform_run: dict[str, str]
) -> None:
    root = roots.Root(modules / "modules" / module, (), terraform_run)
    root.init()
    result = root.run("test", "-no-color", check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "old", "new", "says"),
    [
        ("redis", '= "required"', '= "preferred"', "Clients may talk to Redis without TLS"),
        (
            "redis",
            "multi_az_enabled           = var.replicas > 0",
            "multi_az_enabled = false",
            "loss of a zone",
        ),
        ("redis", "volatile-lru", "allkeys-lru", "throw away what has no time to live"),
        ("nats", '"required"', '"optional"', "open to version 1"),
        ("nats", "encrypted         = true", "encrypted = false", "not encrypted with the key"),
        ("nats", "min_healthy_percentage = 0", "min_healthy_percentage = 100", "while the old one"),
        (
            "nats",
            "restrict_public_buckets = true",
            "restrict_public_buckets = false",
            "made public",
        ),
        ("nats", '"/healthz?js-server-only=true"', '"/"', "does not ask whether"),
        ("nats", "internal                         = true", "internal = false", "is public"),
        (
            "network",
            "map_public_ip_on_launch = false",
            "map_public_ip_on_launch = true",
            "public addresses",
        ),
        (
            "network",
            'from = "gateway", to = "redis"',
            'from = "endpoints", to = "redis"',
            "reach Redis",
        ),
        ("secrets", "/nats/", "/", "other names"),
        (
            "secrets",
            "kms_key_id  = aws_kms_key.secrets.arn",
            "kms_key_id = aws_kms_key.data.arn",
            "key of secrets",
        ),
        ("certificates", "<= 7", "<= 5", "eight times as expensive"),
    ],
)
def test_the_tests_of_a_module_can_fail(
    module: str, old: str, new: str, says: str, tmp_path: Path, terraform_run: dict[str, str]
) -> None:
    folder = tmp_path / "modules" / module
    shutil.copytree(roots.SOURCE / "modules" / module, folder)
    broken = [path for path in folder.glob("*.tf") if old in path.read_text()]
    assert broken, old
    for path in broken:
        path.write_text(path.read_text().replace(old, new))
    root = roots.Root(folder, (), terraform_run)
    root.init()
    result = root.run("test", "-no-color", check=False)
    assert result.returncode == 1
    assert says in " ".join(result.stderr.replace("│", " ").split())
