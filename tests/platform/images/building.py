"""Builds all images of the platform, from packages that are collected first."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.platform.images.base import Store, base_image
from tests.platform.tools import ROOT, tool

__all__ = ["BASE", "FOLDER", "SERVICES", "TOOLS", "Built", "build", "build_all", "collect_wheels"]

FOLDER = ROOT / "generated" / "deploy" / "images"

TOOLS = ("exporter", "tools")
"""The images that are no services."""

SERVICES = tuple(sorted(one.name for one in FOLDER.iterdir() if one.name not in TOOLS))
"""The images of the services."""

BASE = re.findall(
    r"^ARG BASE_IMAGE=(.+)$", (FOLDER / SERVICES[0] / "Dockerfile").read_text(), re.MULTILINE
)[0]
"""The image that all begin with."""

_PYTHON = "/usr/bin/python3"
"""The same as in the base image, of which Debian packages it is made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """An image that was built."""

    name: str
    tag: str
    seconds: float
    """How long that took, with what others had built before."""

    inspected: Mapping[str, Any]
    """What podman knows of it."""

    @property
    def config(self) -> Mapping[str, Any]:
        """What a container of it begins with."""
        config: Mapping[str, Any] = self.inspected["Config"]
        return config


def collect_wheels() -> None:
    """Collects what the images install, as people do before a build.

    Raises:
        AssertionError: It fails; with what it says.
    """
    command = [tool("protonats"), "wheels", f"--add={ROOT}", f"--python={_PYTHON}"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def build_all(store: Store) -> Mapping[str, Built]:
    """Builds every image that there is a Dockerfile of.

    The first one makes the layers that others share; then as many are built at once as there are
    cores.

    Raises:
        AssertionError: A build fails; with what it says.
    """
    collect_wheels()
    base_image(store, BASE)
    return dict(_builds(store))


def build(store: Store, name: str, tag: str = "dev", context: Path = ROOT, *options: str) -> str:
    """Builds the image of a name, and returns what it is tagged with."""
    full = f"localhost/bodybroker/{name}:{tag}"
    dockerfile = context / "generated" / "deploy" / "images" / name / "Dockerfile"
    store.build(dockerfile, full, context, *options)
    return full


def _builds(store: Store) -> Iterator[tuple[str, Built]]:
    first, *others = SERVICES

    def timed(name: str) -> tuple[str, float]:
        start = time.monotonic()
        return build(store, name, "dev", ROOT, "--layers"), time.monotonic() - start

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        made = {first: timed(first)}
        made |= dict(zip((*others, *TOOLS), pool.map(timed, (*others, *TOOLS)), strict=True))
    tags = [tag for tag, _ in made.values()]
    inspected = json.loads(store.podman("image", "inspect", *tags))
    for (name, (tag, seconds)), one in zip(made.items(), inspected, strict=True):
        yield name, Built(name=name, tag=tag, seconds=seconds, inspected=one)
