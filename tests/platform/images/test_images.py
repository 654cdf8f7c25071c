"""The images, built: what is in them, how large they are, and what a container of one may do."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.platform.images.base import Store
from tests.platform.images.building import BASE, SERVICES, Built, build
from tests.platform.images.looking import Seen, digests, look_into_all
from tests.platform.tools import ROOT

pytestmark = pytest.mark.timeout(900)

LIMIT = 60_000_000
"""Bytes that an image of a service may add to the base image."""

PLATFORM = json.loads((ROOT / "generated/deploy/services.json").read_text())["services"]
_PACKAGE = re.compile(r"bodybroker\.(\w+)\.v1")

_VALIDATE = """\
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
validator = JsonStrictValidator(SchemaVersion.V1_6)
for name, text in json.load(sys.stdin).items():
    if validator.validate_str(text):
        print(name)
"""


def related(name: str) -> set[str]:
    """The packages that a service has to do with: its own, those of what it calls, of the events
    that both name, and what the files of all these import."""
    services = {one["name"]: one for one in PLATFORM}
    own = services[name]
    text = (ROOT / f"proto/bodybroker/{name}/v1/{name}.proto").read_text()
    if re.search(r'(calls|publishes): \[?"\*"', text):
        return {*services, "common"}
    callees = {_PACKAGE.findall(call)[0] for call in own["calls"]}
    packages = set(_PACKAGE.findall(json.dumps([own, *(services[one] for one in callees)])))
    for package in packages.copy():
        text = (ROOT / f"proto/bodybroker/{package}/v1/{package}.proto").read_text()
        packages |= set(re.findall(r'import "bodybroker/(\w+)/', text))
    return packages


@pytest.fixture(scope="module")
def seen(store: Store, images: Mapping[str, Built]) -> dict[str, Seen]:
    """What is seen from inside, by image; the command line has another entry point."""
    return look_into_all(store, {k: v for k, v in images.items() if k in SERVICES})


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A project with what the image of quests is built of."""
    for path in ("services/quest", "generated/python", "generated/deploy/images/quest"):
        shutil.copytree(ROOT / path, tmp_path / path)
    for path in ("services", "build"):
        wheels = f"build/wheels/requirements/{path}"
        shutil.copytree(ROOT / wheels, tmp_path / wheels)
    return tmp_path


def test_sizes(
    store: Store, images: Mapping[str, Built], capsys: pytest.CaptureFixture[str]
) -> None:
    base = store.inspect(BASE)["Size"]
    added = {name: one.inspected["Size"] - base for name, one in images.items()}

    with capsys.disabled():
        print(f"\n\n{'image':24} {'above base':>10} {'build':>8}")
        for name, size in sorted(added.items()):
            print(f"{name:24} {size / 1e6:7.1f} MB {images[name].seconds:6.1f} s")
        print(f"{'(base)':24} {base / 1e6:7.1f} MB")
    assert not [f"{name}: {added[name]}" for name in SERVICES if added[name] > LIMIT]


def test_services_with_the_same_packages_share_their_layers(images: Mapping[str, Built]) -> None:
    """The base and the packages are pulled once, and lie on the disk once."""
    layers = [images[name].inspected["RootFS"]["Layers"] for name in SERVICES]

    assert len({tuple(one[:2]) for one in layers}) == 1


@pytest.mark.parametrize("name", [*SERVICES, "exporter", "tools"])
def test_its_settings(images: Mapping[str, Built], name: str) -> None:
    image = images[name]
    labels = image.config["Labels"]

    assert image.config["User"] == "10001:10001"
    assert image.config["WorkingDir"] == "/srv"
    assert labels["org.opencontainers.image.title"] == name
    assert labels["org.opencontainers.image.base.name"] == BASE
    assert re.fullmatch(r"\d+\.\d+\.\d+", labels["org.opencontainers.image.version"])
    assert {"description", "revision", "source"} <= {key.rpartition(".")[2] for key in labels}
    if name != "tools":
        health = image.inspected["Healthcheck"]
        assert health["Test"] == ["CMD", "python", "-m", "protonats.health_check"]
        assert (health["Interval"], health["Timeout"]) == (10_000_000_000, 5_000_000_000)


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_in_it(seen: Mapping[str, Seen], name: str) -> None:
    """Its own service, the clients and messages that it may use, and nothing else."""
    it = seen[name]

    assert it.status == 0
    packages = {path.split("/")[3] for path in it.files if path.startswith("/srv/bodybroker/")}
    assert packages <= related(name)
    services = {path.split("/")[3] for path in it.files if path.startswith("/srv/services/")}
    assert services == {name}
    others = {path.split("/")[2] for path in it.files} - {"bodybroker", "services"}
    assert others <= {"buf"}
    assert set(it.loaded) <= set(it.files)
    assert not {"protonats", "protoc-gen-nats", "pip", "activate"} & set(it.programs)
    assert it.generator == []


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_container_may_do(seen: Mapping[str, Seen], name: str) -> None:
    it = seen[name]

    assert it.user == [10001, 10001]
    assert int(it.capabilities, 16) == 0
    assert it.init == "podman-init"
    assert it.writable == []


@pytest.mark.parametrize("name", SERVICES)
def test_its_list_of_packages(seen: Mapping[str, Seen], name: str) -> None:
    it = seen[name]
    sbom = json.loads(json.dumps(it.sbom))

    assert sbom["metadata"]["component"]["name"] == name
    listed = sorted([one["name"], one["version"]] for one in sbom["components"])
    assert sorted(listed) == sorted(it.installed)
    assert all(one["purl"].startswith("pkg:pypi/") for one in sbom["components"])


def test_the_lists_are_valid(store: Store, seen: Mapping[str, Seen]) -> None:
    """By the schema of CycloneDX 1.6, which the program that makes them has."""
    lists = {name: json.dumps(one.sbom) for name, one in seen.items()}
    broken = json.loads(lists["quest"])
    broken["components"][0].pop("name")
    lists["broken"] = json.dumps(broken)
    tag = build(store, "quest", "inventory", ROOT, "--layers", "--target=inventory")

    told = store.podman(
        *("run", "--rm", "--interactive", "--network=none", tag),
        *("/opt/inventory/bin/python", "-c", _VALIDATE),
        input=json.dumps(lists),
    )

    assert told.split() == ["broken"]


def test_the_same_again(store: Store, images: Mapping[str, Built]) -> None:
    """Built anew, an image has the same files and settings."""
    again = build(store, "quest", "again", ROOT, "--no-cache")
    first, second = images["quest"].inspected, store.inspect(again)

    assert second["Config"] == first["Config"]
    with store.mounted(images["quest"].tag) as one, store.mounted(again) as other:
        before, after = digests(one), digests(other)
    assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == set()


def test_what_is_missing_is_found_where_it_is_built(
    store: Store, images: Mapping[str, Built], context: Path
) -> None:
    dockerfile = context / "generated/deploy/images/quest/Dockerfile"
    text = dockerfile.read_text()
    without = re.sub(r"COPY .*common_pb2.py .*\n", "", text)
    assert without != text
    dockerfile.write_text(without)

    with pytest.raises(AssertionError, match=r"No module named 'bodybroker.common"):
        build(store, "quest", "broken", context, "--layers")


def test_a_wheel_that_is_not_the_locked_one_is_refused(
    store: Store, images: Mapping[str, Built], context: Path
) -> None:
    wheels = context / "build/wheels/requirements/services"
    text = (wheels / "requirements.txt").read_text()
    (wheels / "requirements.txt").write_text(re.sub(r"(h11.*sha256:)\w{4}", r"\g<1>0000", text))

    with pytest.raises(AssertionError, match="DO NOT MATCH THE HASHES"):
        build(store, "quest", "broken", context, "--layers")
