"""A data volume that is full."""

from __future__ import annotations

from tests.platform.node.cluster import Cluster
from tests.platform.node.machines import until
from tests.platform.node.test_life import ALL
from tests.platform.node.traffic import make_stream, publish, replicas, stored


def test_full_disk_is_told_loses_nothing_and_is_over_when_there_is_room(cluster: Cluster) -> None:
    make_stream(cluster)
    before = stored(cluster)
    machine = cluster.machines["nats-3"]
    room = int(machine.do("stat", "--file-system", "--format=%a", "/var/lib/nats"))
    block = int(machine.do("stat", "--file-system", "--format=%S", "/var/lib/nats"))

    told = len(machine.journal("nats-health.service"))
    machine.do("fallocate", f"--length={(room - 200) * block}", "/var/lib/nats/filler")
    publish(cluster, "full", 100, size=20_000)
    until(
        lambda: "the data volume is full" in machine.journal("nats-health.service")[told:],
        "it says so",
    )
    machine.do("rm", "/var/lib/nats/filler")

    until(lambda: replicas(cluster) == ALL, "all replicas are current")
    assert stored(cluster) == before + 100
    publish(cluster, "after", 10)
    assert stored(cluster) == before + 110
