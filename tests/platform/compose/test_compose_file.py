"""The compose file, read: and what a reader must not accept."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml

from tests.platform.compose.rules import FILE, problems_of
from tests.platform.tools import ROOT, tool

TEXT = FILE.read_text()

TWINS = {
    "specification: .*stop_grace": ("stop_grace_period", "stop_graceperiod"),
    "specification: .*duration": ("interval: 10s", "interval: 10x"),
    "specification: .*network `other`": ("networks:\n    - platform", "networks:\n    - other"),
    "specification: .*service_well": ("condition: service_healthy", "condition: service_well"),
    "specification: .*port": ("127.0.0.1:4222:4222", "127.0.0.1:x:4222"),
    "specification: .*mem_limit": ("mem_limit: 536870912", "mem_limit: lots"),
    "specification: .*restart": ("restart: on-failure", "restart: sometimes"),
    "quest waits for stream,": ("streams:\n        cond", "stream:\n        cond"),
    "streams waits until nats-1 is well": ("healthcheck:", "x-healthcheck:"),
    "setup mounts ./set-up.sh": ("./setup.sh", "./set-up.sh"),
    "quest mounts quests-keys, which is no": ("- quest-keys:/run", "- quests-keys:/run"),
    "quest is built of ../../nowhere": ("context: ../../..", "context: ../../nowhere"),
    "quest may write": ("read_only: true", "read_only: false"),
    "quest has capabilities": ("cap_drop:\n    - ALL", "cap_drop:\n    - CHOWN"),
    "quest may get more rights": ("- no-new-privileges:true", "- no-new-privileges:false"),
    "quest hears no signals": ("init: true", "init: false"),
    "quest may start any": ("pids_limit: 512", "pids_limit: -1"),
    "quest runs as root": ("user: 10001:10001", "user: 0:0"),
    "nats-1 may be another": ("image: docker.io/library/nats:2.12-alpine", "image: nats:latest"),
    "quest is killed at once": ("stop_grace_period: 30s", "x-stop: 30s"),
    "quest has privileges": ("read_only: true", "read_only: true\n    privileged: true"),
    "quest is in the network": ("networks:\n    - platform", "network_mode: host"),
    "nats-1 is open": ("- 127.0.0.1:4222:4222", "- 4222:4222"),
    "quest has a secret in NATS_NKEY_SEED": ("NATS_NKEY: /run", "NATS_NKEY_SEED: /run"),
    "quest has the keys of payment": ("- quest-keys:/run", "- payment-keys:/run"),
    "quest has the keys of authority": ("- quest-keys:/run", "- authority:/run"),
}


def test_there_is_nothing_wrong_with_it() -> None:
    assert problems_of(TEXT) == []


def test_it_has_the_whole_platform() -> None:
    containers = yaml.safe_load(TEXT)["services"]
    services = json.loads((ROOT / "generated" / "deploy" / "services.json").read_text())["services"]

    assert {one["name"] for one in services} <= containers.keys()
    assert [sum(name.startswith(kind) for name in containers) for kind in ("nats-", "redis-")] == [
        5,
        7,
    ]
    assert {"prometheus", "alertmanager", "exporter", "setup", "streams"} <= containers.keys()


def test_podman_compose_reads_it() -> None:
    command = [tool("podman-compose"), "--file", str(FILE), "config"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)

    assert yaml.safe_load(told.stdout)["services"].keys() >= {"quest", "nats-5"}


def test_its_scripts_are_clean() -> None:
    scripts = sorted(map(str, FILE.parent.glob("*.sh")))
    assert scripts
    told = subprocess.run([tool("shellcheck"), *scripts], capture_output=True, text=True)

    assert told.stdout == ""


@pytest.mark.parametrize("told", TWINS)
def test_what_is_refused(told: str) -> None:
    old, new = TWINS[told]
    assert old in TEXT

    problems = problems_of(TEXT.replace(old, new))

    assert [one for one in problems if re.match(told, one)], problems
