"""The platform's schemas pass `buf lint` offline, and the lint can fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.projects import ROOT, run
from tests.schemas import compile_schemas


@pytest.fixture(scope="module")
def image() -> FileDescriptorSet:
    """All schemas of the platform, with comments and positions."""
    return compile_schemas(ROOT / "proto")


def lint(image: FileDescriptorSet, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "image.binpb"
    path.write_bytes(image.SerializeToString())
    buf = Path(sys.executable).with_name("buf")
    offline = {"BUF_CACHE_DIR": str(folder / "cache"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    return run(buf, "lint", path, "--config", ROOT / "buf.yaml", cwd=folder, **offline)


def test_the_schemas_of_the_platform_pass(image: FileDescriptorSet, tmp_path: Path) -> None:
    done = lint(image, tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    packages = {file.package for file in image.file if file.name.startswith("bodybroker/")}
    assert len(packages) == 23


def test_a_planted_violation_fails(image: FileDescriptorSet, tmp_path: Path) -> None:
    planted = FileDescriptorSet.FromString(image.SerializeToString())
    file = next(file for file in planted.file if file.name == "bodybroker/quest/v1/quest.proto")
    file.message_type[0].field[0].name = "notSnakeCase"

    done = lint(planted, tmp_path)

    assert done.returncode != 0
    assert "bodybroker/quest/v1/quest.proto" in done.stdout
    assert 'Field name "notSnakeCase" should be lower_snake_case' in done.stdout
