"""The Dockerfiles, read: and what a reader must not accept."""

from __future__ import annotations

import re

import pytest

from tests.platform.images.building import FOLDER, SERVICES
from tests.platform.images.rules import problems_of

GOOD = (FOLDER / SERVICES[0] / "Dockerfile").read_text()

NO_HEALTH = r"HEALTHCHECK .*\n.*\n"
LAST = r"\nUSER 10001:10001\n"

TWINS = {
    "SC2261": (r"--no-index --find-links=/wheels", "--no-index protobuf>=5.29 nats-py>=2.9"),
    "DL3007": (r"FROM \$\{BASE_IMAGE\} AS packages", "FROM python:latest AS packages"),
    "DL3006": (r"FROM \$\{BASE_IMAGE\} AS packages", "FROM python AS packages"),
    "DL3002": (LAST, "\nUSER root\n"),
    "DL3000": (r"WORKDIR /srv", "WORKDIR srv"),
    "DL3013": (r"WORKDIR /srv", "WORKDIR /srv\nRUN pip install nats-py"),
    "DL3020": (r"COPY services/", "ADD services/"),
    "DL3022": (r"--from=program", "--from=nowhere"),
    "DL3025": (r"ENTRYPOINT \[.*\]", "ENTRYPOINT python -m protonats.serve"),
    "DL3027": (r"WORKDIR /srv", "WORKDIR /srv\nRUN apt install curl"),
    "DL3042": (r"WORKDIR /srv", "WORKDIR /srv\nRUN pip install nats-py==2.16"),
    "DL3059": (r"WORKDIR /srv", "WORKDIR /srv\nRUN true\nRUN false"),
    "DL4000": (r"WORKDIR /srv", "MAINTAINER somebody\nWORKDIR /srv"),
    "it does not run as a user": (LAST, "\nUSER nobody\n"),
    "it does not run as a user and": (LAST, "\n"),
    "it does not run as": (LAST, "\nUSER 0:0\n"),
    "it has no health check": (NO_HEALTH, ""),
    "it has no health check, or": (r"CMD \[\"python\", .*health_check\"\]", "CMD ps aux | grep py"),
    "its program is not what signals": (r"ENTRYPOINT \[.*\]", "ENTRYPOINT exec python"),
    "its base may be another": (
        r"ARG BASE_IMAGE=.*",
        "ARG BASE_IMAGE=docker.io/library/python:latest",
    ),
    "its base may be another one": (r"ARG BASE_IMAGE=.*", "ARG BASE_IMAGE=python"),
    "a secret would stay": (r"PYTHONPATH=/srv", "PYTHONPATH=/srv REDIS_TOKEN=abc"),
    "its build needs a network": (r"WORKDIR /srv", "ADD https://shop.example/x /x"),
    "it copies all": (r"COPY services/.*", "COPY . /srv"),
    "it installs what nobody": (r"--require-hashes ", ""),
    "it has no label revision": (r".*image.revision.*\n", ""),
    "it has no list": (r"COPY --from=bom.*\n", ""),
    "it is not loaded": (r"python -m protonats.serve --check .* \\\n.*\n", "true\n"),
    "what installs packages": (r"WORKDIR /srv", "WORKDIR /srv\nRUN pip install x"),
}


@pytest.mark.parametrize("name", [one.name for one in sorted(FOLDER.iterdir())])
def test_there_is_nothing_wrong_with_it(name: str) -> None:
    problems = problems_of((FOLDER / name / "Dockerfile").read_text())

    # Nobody asks a command whether it is well.
    expected = ["it has no health check, or one that needs a shell"] if name == "tools" else []
    assert [one for one in problems if "loaded" not in one or name != "tools"] == expected


@pytest.mark.parametrize("told", TWINS)
def test_what_is_refused(told: str) -> None:
    pattern, new = TWINS[told]
    broken = re.sub(pattern, lambda _: new, GOOD)
    assert broken != GOOD

    problems = problems_of(broken)

    assert [one for one in problems if one.startswith(told)], problems
