"""A node that boots for the first time starts by itself, as soon as it has what it needs."""

from __future__ import annotations

import json

import pytest

from tests.platform.node.cluster import Cluster
from tests.platform.node.conftest import FirstBoot
from tests.platform.node.rules import server_problems

NAMES = ("nats-1", "nats-2", "nats-3")


@pytest.mark.parametrize("name", NAMES)
def test_server_runs_under_systemd(cluster: Cluster, name: str) -> None:
    machine = cluster.machines[name]

    assert machine.property("nats.service", "ActiveState") == "active"
    assert machine.property("nats.service", "UnitFileState") == "enabled"
    assert machine.do("systemctl", "--failed", "--no-legend") == ""
    assert "status: done" in machine.do("cloud-init", "status")
    assert machine.answer("/healthz?js-server-only=true") == {"status": "ok"}


@pytest.mark.parametrize("name", NAMES)
def test_server_is_what_its_settings_say(cluster: Cluster, name: str) -> None:
    server = cluster.machines[name].answer("/varz")

    assert server["server_name"] == name
    assert server["tags"] == [f"az:eu-central-1{'abc'[int(name[-1]) - 1]}"]
    assert list(server_problems(server)) == []


@pytest.mark.parametrize("name", NAMES)
def test_jetstream_stores_on_the_data_volume(cluster: Cluster, name: str) -> None:
    machine = cluster.machines[name]
    store = machine.answer("/jsz")["config"]["store_dir"]  # type: ignore[index]
    source = machine.do("findmnt", "--noheadings", "--output=SOURCE,FSTYPE", "--target", store)

    assert source.split() == [cluster.cloud.device(f"vol-00{name[-1]}"), "ext4"]


def test_nodes_form_one_cluster(cluster: Cluster) -> None:
    leaders = set()
    for machine in cluster.machines.values():
        meta = machine.answer("/jsz")["meta_cluster"]
        assert meta["cluster_size"] == 3  # type: ignore[index]
        leaders.add(meta["leader"])  # type: ignore[index]
    assert len(leaders) == 1


def test_waits_for_the_configuration_and_says_so(first_boot: FirstBoot) -> None:
    assert first_boot.without_keys.startswith("waiting for a configuration that is right: ")
    assert "NoSuchKey" in first_boot.without_keys


def test_waits_for_the_certificate_and_says_so(first_boot: FirstBoot) -> None:
    said = "waiting for a certificate from the private CA: "
    assert first_boot.without_certificate.startswith(said)
    assert "InvalidStateException" in first_boot.without_certificate
    assert said in first_boot.console


def test_never_serves_in_the_clear_meanwhile(first_boot: FirstBoot) -> None:
    assert first_boot.states == ("activating", "inactive")
    assert "4222" not in first_boot.open_ports


def test_the_key_of_a_certificate_stays_on_the_node(cluster: Cluster) -> None:
    calls = json.dumps(cluster.cloud.calls())
    for machine in cluster.machines.values():
        key = machine.do("cat", "/etc/nats/tls/key.pem")
        assert "PRIVATE KEY" in key
        assert machine.do("stat", "--format=%a %U %G", "/etc/nats/tls/key.pem").split() == [
            "640",
            "root",
            "nats",
        ]
        assert key.splitlines()[1] not in calls
    authority = cluster.cloud.folder / "authority"
    sent = "".join(file.read_text() for file in authority.glob("*.csr"))
    assert "CERTIFICATE REQUEST" in sent
    assert "PRIVATE KEY" not in sent
