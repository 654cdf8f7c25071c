"""A machine that fails is replaced by another that is the same member of the cluster."""

from __future__ import annotations

from typing import Any

from tests.platform.node.cluster import Cluster
from tests.platform.node.machines import Machine, until
from tests.platform.node.test_life import ALL
from tests.platform.node.traffic import STREAM, make_stream, publish, replicas, stored


def peers(cluster: Cluster) -> set[str]:
    """The servers of the meta group, as its leader knows them; those that are gone too."""
    for machine in cluster.machines.values():
        meta = machine.answer("/jsz?raft=true").get("meta_cluster")
        if isinstance(meta, dict) and meta.get("leader") == machine.name:
            return {machine.name} | {peer["name"] for peer in meta["replicas"]}
    return set()


def held(machine: Machine) -> int:
    """How many messages of the stream lie on a machine."""
    accounts: Any = machine.answer("/jsz?streams=true").get("account_details", [])
    streams = [each for account in accounts for each in account.get("stream_detail", ())]
    return sum(each["state"]["messages"] for each in streams if each["name"] == STREAM)


def replace(cluster: Cluster, volume: str) -> None:
    cluster.machines["nats-3"].end()
    data = cluster.render({3: volume})["nats-3"]
    machine = cluster.boot(3, data)
    until(machine.healthy, "the new machine is healthy")
    until(lambda: replicas(cluster) == ALL, "all replicas are current")


def test_new_machine_with_the_disk_has_the_messages(cluster: Cluster) -> None:
    make_stream(cluster)
    publish(cluster, "replaced", 50)
    messages = stored(cluster)

    replace(cluster, "vol-003")

    machine = cluster.machines["nats-3"]
    assert stored(cluster) == messages
    assert machine.answer("/varz")["server_name"] == "nats-3"
    assert peers(cluster) == {"nats-1", "nats-2", "nats-3"}
    assert "Restored" in machine.journal("nats.service")


def test_new_machine_without_the_disk_gets_the_messages(cluster: Cluster) -> None:
    make_stream(cluster)
    publish(cluster, "lost", 50)
    messages = stored(cluster)

    cluster.make_volume("vol-00d")
    replace(cluster, "vol-00d")

    machine = cluster.machines["nats-3"]
    until(lambda: held(machine) == messages, "the messages are there")
    assert stored(cluster) == messages
    assert peers(cluster) == {"nats-1", "nats-2", "nats-3"}
