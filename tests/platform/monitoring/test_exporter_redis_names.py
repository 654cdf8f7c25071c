"""Our figures of Redis have the names, types and labels of redis_exporter, which Debian has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from protonats.testing import EmbeddedRedis
from tests.functional.exporting import exporting
from tests.functional.redis_cluster import cluster_url, redis_cluster
from tests.platform.monitoring.chain import Program
from tests.platform.nats.installation import free_ports, until
from tests.platform.tools import tool

pytestmark = pytest.mark.anyio

VARIABLES = {"NATS_URL": "nats://127.0.0.1:1", "EXPORTER_INTERVAL": "0.2"}


def figures(text: str) -> dict[str, Metric]:
    """The figures of Redis by name."""
    families = text_string_to_metric_families(text)
    return {family.name: family for family in families if family.name.startswith("redis_")}


def theirs(server: EmbeddedRedis, folder: Path) -> dict[str, Metric]:
    """What redis_exporter tells of a server."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    command = [tool("prometheus-redis-exporter"), f"-redis.addr={server.url}"]
    program = Program(
        command=[*command, "-is-cluster", f"-web.listen-address={address}"],
        variables={},
        address=address,
        log=folder / "redis-exporter.log",
        ready="/health",
    )
    program.start()
    try:
        until(program.is_ready, "redis_exporter is ready")
        return figures(program.get("/metrics").decode())
    finally:
        program.stop()


@pytest.fixture(scope="module")
def master() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


async def test_a_replica(master: EmbeddedRedis, tmp_path: Path) -> None:
    arguments = ("--replicaof", "127.0.0.1", str(master.port))
    with EmbeddedRedis(arguments=arguments) as server:
        async with exporting({**VARIABLES, "REDIS_URL": server.url}) as told:
            await told.until("redis_master_link_up", 1.0)
            ours = figures(told.text())
        assert differences(ours, theirs(server, tmp_path)) == []


async def test_a_cluster(tmp_path: Path) -> None:
    with redis_cluster() as servers:
        async with exporting({**VARIABLES, "REDIS_URL": cluster_url(servers)}) as told:
            await told.until("redis_cluster_state", 1.0, 1.0, 1.0)
            ours = figures(told.text())
        assert "redis_cluster_slots_ok" in ours
        assert differences(ours, theirs(servers[0], tmp_path)) == []


def test_another_name_type_or_label_is_found() -> None:
    def told(name: str, kind: str, **labels: str) -> dict[str, Metric]:
        metric = Metric(name, "", kind)
        metric.add_sample(name, {"node": "a:1", **labels}, 1.0)
        return {name: metric}

    real = told("redis_up", "gauge")
    assert differences(told("redis_down", "gauge"), real) == ["redis_down is not theirs"]
    assert differences(told("redis_up", "counter"), real) == ["redis_up is a counter, not a gauge"]
    assert differences(told("redis_up", "gauge", role="a"), real) == [
        "redis_up has labels ['role']"
    ]


def differences(ours: dict[str, Metric], theirs: dict[str, Metric]) -> list[str]:
    """What somebody who knows redis_exporter would not expect. Which server a figure is of is said
    by our label `node`, and with redis_exporter by the target that is scraped."""
    found = []
    for name, metric in ours.items():
        if (real := theirs.get(name)) is None:
            found.append(f"{name} is not theirs")
        elif metric.type != real.type:
            found.append(f"{name} is a {metric.type}, not a {real.type}")
        else:
            known = real.samples[0].labels.keys() | {"node"}
            added = {label for one in metric.samples for label in one.labels if label not in known}
            found += [f"{name} has labels {sorted(added)}"] if added else []
    return found
