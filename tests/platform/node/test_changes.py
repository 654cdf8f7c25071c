"""Configuration and certificates change while the server runs."""

from __future__ import annotations

from tests.platform.node.cluster import Cluster
from tests.platform.node.machines import Machine, until


def ask_again(machine: Machine, unit: str) -> str:
    """Has a unit do now what its timer has it do; what it said."""
    before = machine.journal(unit)
    machine.do("systemctl", "start", unit, check=False)
    return machine.journal(unit)[len(before) :]


def process(machine: Machine) -> str:
    return machine.property("nats.service", "MainPID")


def test_timers_wait(cluster: Cluster) -> None:
    for name in ("configuration", "certificate", "health"):
        machine = cluster.machines["nats-1"]
        assert machine.property(f"nats-{name}.timer", "ActiveState") == "active"
        assert machine.property(f"nats-{name}.timer", "UnitFileState") == "enabled"


def test_changed_configuration_is_read_without_a_restart(cluster: Cluster) -> None:
    machine = cluster.machines["nats-1"]
    before, good = process(machine), (cluster.cloud.folder / "bucket" / "nats.conf").read_text()
    assert "max_payload: 1048576" in good

    cluster.cloud.put("nats.conf", good.replace("max_payload: 1048576", "max_payload: 1048000"))
    said = ask_again(machine, "nats-configuration.service")
    until(lambda: machine.answer("/varz")["max_payload"] == 1048000, "the change is there")
    cluster.cloud.put("nats.conf", good)
    ask_again(machine, "nats-configuration.service")
    until(lambda: machine.answer("/varz")["max_payload"] == 1048576, "it is undone")

    assert "the configuration is new" in said
    assert process(machine) == before


def test_configuration_with_an_error_is_not_taken(cluster: Cluster) -> None:
    machine = cluster.machines["nats-1"]
    before, good = process(machine), (cluster.cloud.folder / "bucket" / "nats.conf").read_text()

    cluster.cloud.put("nats.conf", good.replace("max_payload:", "max_payloads:"))
    said = ask_again(machine, "nats-configuration.service")
    cluster.cloud.put("nats.conf", good)

    assert "keeping the configuration that is there: " in said
    assert 'unknown field "max_payloads"' in said
    assert process(machine) == before
    assert machine.healthy()
    assert "the configuration is current" in ask_again(machine, "nats-configuration.service")


def test_configuration_in_the_clear_is_not_taken(cluster: Cluster) -> None:
    machine = cluster.machines["nats-1"]
    good = (cluster.cloud.folder / "bucket" / "nats.conf").read_text()

    cluster.cloud.put("nats.conf", good.replace("verify: true", "verify: false", 1))
    said = ask_again(machine, "nats-configuration.service")
    cluster.cloud.put("nats.conf", good)
    assert "the configuration is current" in ask_again(machine, "nats-configuration.service")

    assert "lets clients or routes in without TLS" in said
    assert machine.answer("/varz")["tls_verify"]


def test_certificate_is_renewed_without_dropping_connections(cluster: Cluster) -> None:
    machine = cluster.machines["nats-1"]
    before, old = process(machine), machine.do("cat", "/etc/nats/tls/cert.pem")
    assert "the certificate is valid" in ask_again(machine, "nats-certificate.service")

    async def renew() -> tuple[int, bytes, bytes]:
        drops = 0

        async def dropped() -> None:
            nonlocal drops
            drops += 1

        one = await cluster.connect("operator", "nats-1", disconnected_cb=dropped)
        machine.do("sed", "-i", "s/RENEW_BEFORE_DAYS=30/RENEW_BEFORE_DAYS=91/", SETTINGS)
        machine.do("systemctl", "start", "nats-certificate.service")
        machine.do("sed", "-i", "s/RENEW_BEFORE_DAYS=91/RENEW_BEFORE_DAYS=30/", SETTINGS)
        await one.flush()
        two = await cluster.connect("operator", "nats-1")
        shown = tuple(connection_certificate(each) for each in (one, two))
        await one.close()
        await two.close()
        return drops - 1, shown[0], shown[1]

    drops, first, second = cluster.do(renew)

    assert drops == 0
    assert first != second
    assert machine.do("cat", "/etc/nats/tls/cert.pem") != old
    assert process(machine) == before


SETTINGS = "/etc/nats/settings.env"


def connection_certificate(connection: object) -> bytes:
    """The certificate that the server showed when this connection was made."""
    transport = connection._transport._io_writer.transport  # type: ignore[attr-defined]
    certificate: bytes = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return certificate
