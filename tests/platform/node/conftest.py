"""A cluster of three nodes that boot by themselves, for all tests of this folder."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.platform.node.cluster import Cluster
from tests.platform.node.machines import Machine, until


@dataclass(frozen=True)
class FirstBoot:
    """What was seen while the nodes booted for the first time."""

    without_keys: str
    """The status of a node while the bucket had no keys.conf."""

    without_certificate: str
    """The status of a node while the CA refused its certificate."""

    console: str
    """What stood on its console then."""

    states: tuple[str, str]
    """Of its preparation and of its server then."""

    open_ports: str
    """What it listened on then."""


@pytest.fixture(scope="session")
def cloudy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("nodes"))
    # Somebody who ends the tests has everything taken away too.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def first_boot(cloudy: Cluster) -> FirstBoot:
    """Boots three nodes before there are keys, and one of them before it may have a certificate."""
    cloudy.cloud.fault(**{"nats-3 issue-certificate": "InvalidStateException"})
    for number in (1, 2, 3):
        cloudy.make_volume(f"vol-00{number}")
    data = cloudy.render({number: f"vol-00{number}" for number in (1, 2, 3)})
    one, two, three = (cloudy.boot(n, data[f"nats-{n}"]) for n in (1, 2, 3))

    def waits(machine: Machine, text: str) -> bool:
        return text in machine.status("nats-prepare.service")

    until(lambda: waits(one, "keys.conf"), "nats-1 waits for keys")
    without_keys = one.status("nats-prepare.service")
    until(lambda: waits(three, "InvalidState"), "nats-3 waits for its certificate")
    states = tuple(three.property(u, "ActiveState") for u in ("nats-prepare", "nats"))
    seen = FirstBoot(
        without_keys=without_keys,
        without_certificate=three.status("nats-prepare.service"),
        console=three.console(),
        states=(states[0], states[1]),
        open_ports=three.do("ss", "--no-header", "--listening", "--tcp", "--numeric"),
    )
    cloudy.publish_keys()
    until(lambda: one.ready() and two.ready(), "two nodes are ready")
    cloudy.cloud.fault()
    until(lambda: all(each.healthy() for each in (one, two, three)), "all are healthy")
    return seen


@pytest.fixture
def cluster(cloudy: Cluster, first_boot: FirstBoot) -> Iterator[Cluster]:
    """Three healthy nodes; each test leaves them so."""
    yield cloudy
    cloudy.cloud.fault()
    for machine in cloudy.machines.values():
        until(machine.healthy, f"{machine.name} is healthy again")
