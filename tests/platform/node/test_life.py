"""What a node does when its server is killed or stopped, and when the machine starts again."""

from __future__ import annotations

import time

from tests.platform.node.cluster import Cluster
from tests.platform.node.machines import until
from tests.platform.node.traffic import (
    Publisher,
    make_stream,
    publish,
    replicas,
    stored,
)

ALL = {"nats-1": True, "nats-2": True, "nats-3": True}


def test_killed_server_is_back_in_seconds(cluster: Cluster) -> None:
    machine = cluster.machines["nats-1"]
    before = machine.property("nats.service", "MainPID")
    restarts = int(machine.property("nats.service", "NRestarts"))

    start = time.monotonic()
    machine.do("kill", "-KILL", before)
    until(
        lambda: machine.property("nats.service", "MainPID") not in ("0", before)
        and machine.ready(),
        "the server is ready again",
    )

    assert time.monotonic() - start < 15
    assert machine.property("nats.service", "NRestarts") == str(restarts + 1)


def test_server_that_is_stopped_sends_its_clients_away_first(cluster: Cluster) -> None:
    make_stream(cluster)
    before = stored(cluster)
    machine = cluster.machines["nats-1"]

    with Publisher(cluster, "lame-duck", "nats-1") as publisher:
        machine.do("systemctl", "stop", "nats.service")
        sent = publisher.sent
        until(lambda: publisher.sent > sent + 20, "publishing goes on")
    result = machine.property("nats.service", "Result")
    machine.do("systemctl", "start", "nats.service")

    assert "lame duck" in machine.journal("nats.service").lower()
    assert result == "success"
    assert publisher.moved_to in (cluster.addresses["nats-2"], cluster.addresses["nats-3"])
    assert not publisher.closed
    assert set(publisher.errors) <= {"UnexpectedEOF()"}, "more than the end of the connection"
    assert publisher.gap < 5
    assert stored(cluster) == before + publisher.sent
    until(lambda: replicas(cluster) == ALL, "all replicas are current")


def test_machine_that_reboots_has_its_disk_and_its_name(cluster: Cluster) -> None:
    make_stream(cluster)
    publish(cluster, "reboot", 50)
    messages = stored(cluster)
    machine = cluster.machines["nats-2"]
    identity = machine.do("blkid", "--output=export", cluster.cloud.device("vol-002"))
    certificate = machine.do("cat", "/etc/nats/tls/cert.pem")
    calls = len(cluster.cloud.calls())

    machine.reboot()
    until(machine.healthy, "the server is healthy again")

    assert machine.answer("/varz")["server_name"] == "nats-2"
    assert machine.do("blkid", "--output=export", cluster.cloud.device("vol-002")) == identity
    assert machine.do("cat", "/etc/nats/tls/cert.pem") == certificate
    until(lambda: replicas(cluster) == ALL, "all replicas are current")
    assert stored(cluster) == messages
    assert {call[1] for call in cluster.cloud.calls()[calls:]} <= {"get-object"}


def test_machine_that_reboots_without_the_bucket_keeps_its_configuration(cluster: Cluster) -> None:
    machine = cluster.machines["nats-3"]
    cluster.cloud.fault(**{"get-object": "ServiceUnavailable"})

    machine.reboot()
    until(machine.healthy, "the server is healthy again")

    assert "keeping the configuration that is there" in machine.journal("nats-prepare.service")
