"""`protonats wheels`: what images install, collected before they are built."""

from __future__ import annotations

import json
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from tests.projects import TestProject

MANIFEST = """\
version: 1
documents: []
deployment: {name: shop, base_image: "docker.io/library/python:3.12-slim"}
environments:
  dev:
    region: eu-central-1
    network: 10.10.0.0/16
    registry: ecr
    nats: {instance_type: t3.small, disk: 10 GiB, file_store: 8 GiB}
streams:
  EVENTS:
    subjects: [evt.ping.>]
"""
FILES = ("build", "exporter", "services", "tools")


class Shop(TestProject):
    """A project whose images need one small package, `pebble`, which is on an index of its own."""

    def __init__(self, root: Path, index: Path) -> None:
        super().__init__(root)
        self.index = index
        self.write("protonats.yaml", MANIFEST)
        digest = sha256(wheel(index, "pebble").read_bytes()).hexdigest()
        for name in FILES:
            self.write(f"requirements/{name}.txt", f"pebble==1.0 --hash=sha256:{digest}\n")

    def collect(self, *arguments: str) -> Result:
        """Runs `protonats wheels`."""
        environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index)}
        command = ["wheels", "--project", str(self.root), *arguments]
        return CliRunner().invoke(main, command, env=environment)


def wheel(folder: Path, name: str) -> Path:
    """A package with nothing in it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", tmp_path / "index")


def test_each_kind_of_image_gets_a_folder_with_wheels_and_their_hashes(
    shop: Shop, tmp_path: Path
) -> None:
    runtime = wheel(tmp_path, "protonats")

    result = shop.collect("--add", str(runtime), "--json")

    assert result.exit_code == 0, result.output
    assert {one["requirements"]: len(one["wheels"]) for one in json.loads(result.stdout)} == {
        "requirements/build.txt": 1,
        "requirements/exporter.txt": 2,
        "requirements/services.txt": 2,
        "requirements/tools.txt": 2,
    }
    lines = shop.read("build/wheels/requirements/services/requirements.txt").splitlines()
    assert [line.split()[0] for line in lines] == ["pebble==1.0", "protonats==1.0"]
    digest = sha256(runtime.read_bytes()).hexdigest()
    assert lines[1] == f"protonats==1.0 --hash=sha256:{digest}"


def test_what_was_there_before_is_gone(shop: Shop, tmp_path: Path) -> None:
    shop.write("build/wheels/requirements/tools/old-1.0-py3-none-any.whl", "")

    assert shop.collect("--add", str(wheel(tmp_path, "protonats"))).exit_code == 0

    assert not (shop.root / "build/wheels/requirements/tools/old-1.0-py3-none-any.whl").exists()


def test_an_image_without_the_runtime_is_an_error(shop: Shop) -> None:
    result = shop.collect()

    assert result.exit_code == 1
    assert result.stderr.endswith(
        ".txt has no protonats: lock it with the rest, or name its wheel or its source with --add\n"
    )


def test_a_package_that_is_locked_and_added_is_an_error(shop: Shop, tmp_path: Path) -> None:
    result = shop.collect("--add", str(wheel(tmp_path, "pebble")))

    assert result.exit_code == 1
    assert result.stderr.endswith(".txt has pebble already: leave it out of --add, or there\n")


def test_a_file_that_is_missing_is_named_with_what_to_do(shop: Shop, tmp_path: Path) -> None:
    (shop.root / "requirements/exporter.txt").unlink()

    result = shop.collect("--add", str(wheel(tmp_path, "protonats")))

    assert result.exit_code == 1
    assert result.stderr == (
        "error: requirements/exporter.txt is missing: write what the image needs, for example"
        " `protonats[validate,uvloop]`, to requirements/exporter.in, and lock it with `uv pip"
        " compile --universal --generate-hashes -o requirements/exporter.txt"
        " requirements/exporter.in`\n"
    )


def test_another_file_than_the_locked_one_is_refused(shop: Shop, tmp_path: Path) -> None:
    shop.replace("requirements/tools.txt", "sha256:", "sha256:00")

    result = shop.collect("--add", str(wheel(tmp_path, "protonats")))

    assert result.exit_code == 1
    assert "pip says: " in result.stderr


def test_a_project_without_deployment_has_no_images(shop: Shop) -> None:
    shop.write("protonats.yaml", "version: 1\ndocuments: []\n")

    result = shop.collect()

    assert result.exit_code == 1
    assert result.stderr.endswith("protonats.yaml has no `deployment`, so there are no images\n")
