"""The compose file, started: keys, servers, streams, services; and the tasks of ECS beside them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping

import pytest
import yaml

from tests.platform.compose.rules import FILE
from tests.platform.compose.running import Platform, each
from tests.platform.compose.stand_ins import build_stand_ins
from tests.platform.compose.tasks import Task
from tests.platform.images.base import Store
from tests.platform.images.building import SERVICES, Built

pytestmark = pytest.mark.timeout(900)

_QUERY = """\
import json, sys, urllib.parse, urllib.request
query = urllib.parse.quote(sys.argv[1])
url = f"http://127.0.0.1:9090/api/v1/query?query={query}"
print(json.dumps(json.load(urllib.request.urlopen(url, timeout=5))["data"]["result"]))
"""


@pytest.fixture(scope="module")
def platform(
    store: Store, images: Mapping[str, Built], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """The servers, with keys, streams and figures, and no service yet."""
    compose = yaml.safe_load(FILE.read_text())
    own = {image.tag for image in images.values()}
    others = dict.fromkeys(
        one["image"] for one in compose["services"].values() if one["image"] not in own
    )
    build_stand_ins(store, others, tmp_path_factory.mktemp("stand-ins"))
    platform = Platform(store, compose, FILE.parent)
    try:
        servers = [name for name in compose["services"] if name not in (*SERVICES, "operator")]
        platform.up(*servers)
        yield platform
    finally:
        store.podman("rm", "--all", "--force", "--time=0", check=False)


@pytest.fixture(scope="module")
def services(platform: Platform) -> Platform:
    """The same, with one container of each service."""
    platform.up(*SERVICES)
    return platform


def test_everybody_answers(services: Platform) -> None:
    told = services.run("operator", "ping", "--json")

    assert {one["service"] for one in json.loads(told)} == set(SERVICES)


def test_a_call_is_answered(services: Platform) -> None:
    """By a service that keeps what it does in JetStream."""
    request = {"player_id": "p1", "difficulty": "DIFFICULTY_HARD", "level": 7}

    told = services.run("operator", "call", "quest.generate_quest", json.dumps(request))

    assert json.loads(told)["quest"]["player_id"] == "p1"


def test_the_setup_can_be_done_again(services: Platform) -> None:
    """Which is how certificates are renewed: keys stay, and nobody is disturbed."""
    before = services.key("quest", "nkey.seed")

    services.run("setup", "/setup.sh")

    assert services.key("quest", "nkey.seed") == before


def test_prometheus_has_figures_of_all_servers(platform: Platform) -> None:
    for query, count in (
        ('up{job="exporter"} == 1', 1),
        ("gnatsd_varz_connections", 5),
        ("redis_up == 1", 6),
    ):
        end = time.monotonic() + 60
        while len(found := _query(platform, query)) < count:
            assert time.monotonic() < end, f"{query}: {found}"
            time.sleep(0.5)


def test_services_end_in_time(services: Platform) -> None:
    start = time.monotonic()
    codes = services.stop(*SERVICES, seconds=30)

    assert codes == dict.fromkeys(SERVICES, 0)
    assert time.monotonic() - start < 30


def test_two_tasks_of_each_service(platform: Platform, images: Mapping[str, Built]) -> None:
    """44 containers that may do what their task definitions let them: all get well, and all end
    by themselves when they are told to."""
    tasks = {
        task.container: task
        for name in SERVICES
        for task in (Task(platform, images[name], number) for number in (1, 2))
    }
    assert len(tasks) == 44

    each(lambda name: tasks[name].start(), tasks)
    platform.until_well(*tasks)
    codes = platform.stop(*tasks, seconds=min(task.stop_timeout for task in tasks.values()))

    assert codes == dict.fromkeys(tasks, 0)


def _query(platform: Platform, query: str) -> list[object]:
    told = platform.store.podman("exec", "prometheus", "python", "-c", _QUERY, query)
    found: list[object] = json.loads(told)
    return found
