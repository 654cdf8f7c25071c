"""What `make test-platform` says where a machine lacks something."""

from __future__ import annotations

import pytest

from infra.platform_tools import PACKAGES, listed, missing, problems

STATUS = "jq installed\npodman not-installed\nredis-server config-files\nlibjq1 installed\n"


def test_comments_of_the_list_are_no_packages() -> None:
    assert listed("# why\njq\n\n  podman\n# jq2\n") == ["jq", "podman"]


def test_the_list_names_each_package_once() -> None:
    packages = listed(PACKAGES.read_text())

    assert len(packages) == len(set(packages))
    assert "podman" in packages


def test_what_was_removed_is_missing() -> None:
    wanted = ["jq", "podman", "redis-server", "shellcheck"]
    assert missing(wanted, STATUS) == ["podman", "redis-server", "shellcheck"]


def test_nothing_is_said_where_all_is_there() -> None:
    assert list(problems("1.11.4", packages=[], root=True)) == []
    assert list(problems("2.0.0", packages=["jq"], root=True)) == []


def test_who_is_not_root_is_told_what_to_install() -> None:
    first, second = problems("1.11.4", packages=["jq", "podman"], root=False)

    assert first.endswith("run it as root")
    assert second.endswith("apt-get install --no-install-recommends jq podman")


@pytest.mark.parametrize("version", [None, "1.9.8", "0.15.0"])
def test_how_to_get_terraform_is_told(version: str | None) -> None:
    (told,) = problems(version, packages=[], root=True)

    assert told.startswith("Terraform 1.11 or newer was not found, and Debian has none")
    assert "folder of the PATH" in told
