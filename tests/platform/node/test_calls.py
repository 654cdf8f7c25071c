"""What a node asks of AWS is what the AWS command line knows."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.platform.node.cluster import Cluster
from tests.platform.node.rendering import MODULE

DEBIAN_CLI = Path("/usr/bin/aws")
"""The AWS CLI that Debian's image for EC2 has."""


def checked(call: list[str], folder: Path) -> str:
    """What the AWS CLI says of a call: that nobody answers on this machine, if it is right."""
    assert DEBIAN_CLI.exists(), "the AWS CLI is missing: apt-get install awscli"
    (folder / "csr.pem").write_text("request")
    done = subprocess.run(
        [str(DEBIAN_CLI), *call, "--endpoint-url", "http://127.0.0.1:9", "--no-sign-request"],
        cwd=folder,
        env={
            "PATH": os.defpath,
            "HOME": str(folder),
            "AWS_REGION": "eu-central-1",
            "AWS_MAX_ATTEMPTS": "1",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    return done.stderr


def operations(cluster: Cluster) -> dict[str, list[str]]:
    """One call of each operation that was made."""
    return {" ".join(call[:2]): call for call in cluster.cloud.calls()}


def test_each_call_is_known_to_the_command_line(cluster: Cluster, tmp_path: Path) -> None:
    for operation, call in operations(cluster).items():
        assert "Could not connect" in checked(call, tmp_path), operation


def test_each_call_of_the_scripts_was_made(cluster: Cluster) -> None:
    text = "".join(file.read_text() for file in (MODULE / "files").iterdir())

    written = set(re.findall(r"\baws ([a-z0-9-]+ [a-z-]+)", text))

    assert written == operations(cluster).keys()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("--csr", "--request", "are required: --csr"),
        ("Value=90,Type=DAYS", "Value=90,Typ=DAYS", "Unknown parameter in Validity"),
        ("issue-certificate", "issue-certificates", "Invalid choice"),
    ],
)
def test_wrong_call_is_refused(
    cluster: Cluster, tmp_path: Path, old: str, new: str, said: str
) -> None:
    call = operations(cluster)["acm-pca issue-certificate"]
    assert old in call

    assert said in checked([new if word == old else word for word in call], tmp_path)
