"""Figures of the NATS servers, named as the NATS project's exporter names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from protonats.exporter.nodes import NodeAnswers
from protonats.exporter.samples import Sample

__all__ = ["server_figures"]

_CONNECTIONS: Final = ("num_connections", "total", "offset", "limit")
_SUMS: Final = ("pending_bytes", "subscriptions", "in_bytes", "out_bytes", "in_msgs", "out_msgs")
_TEXTS: Final = ("server_id", "server_name", "version")


def server_figures(answers: NodeAnswers) -> Iterator[Sample]:
    """All that one server says of itself."""
    node = {"node": str(answers.address)}
    yield Sample("protonats_platform_node_up", float(answers.is_up), node)
    expiry = answers.varz.get("tls_cert_not_after")
    if expiry:
        end = datetime.fromisoformat(expiry).timestamp()
        yield Sample("protonats_platform_certificate_expiry_timestamp_seconds", end, node)
    # The id is known where the server answers at all, and the exporter of the NATS project shows
    # nothing else either.
    if answers.varz:
        yield from _identified({"server_id": str(answers.varz.get("server_id", ""))}, answers)


def _identified(server: Mapping[str, str], answers: NodeAnswers) -> Iterator[Sample]:
    # 0 is well, as the exporter of the NATS project has it.
    for name, is_well, said in (
        ("gnatsd_healthz_status", answers.is_healthy, answers.healthz),
        ("gnatsd_healthz_js_server_only_status", answers.is_up, answers.serving),
    ):
        text = "ok" if is_well else str(said.get("error", ""))
        yield Sample(name, float(not is_well), {**server, "value": text})
    yield from _numbers("gnatsd_varz", answers.varz, server)
    for name in _TEXTS:
        labels = {**server, "value": str(answers.varz.get(name, ""))}
        yield Sample(f"gnatsd_varz_{name}", 1.0, labels)
    if answers.connz:
        connections = answers.connz.get("connections") or ()
        for name in _CONNECTIONS:
            yield Sample(f"gnatsd_connz_{name}", float(answers.connz.get(name, 0)), server)
        for name in _SUMS:
            total = sum(connection.get(name, 0) for connection in connections)
            yield Sample(f"gnatsd_connz_{name}", float(total), server)
    if answers.routez:
        yield Sample("gnatsd_routez_num_routes", float(answers.routez.get("num_routes", 0)), server)


def _numbers(prefix: str, values: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[Sample]:
    """Every number below an object, named by its way there."""
    for key, value in values.items():
        name = f"{prefix}_{key}"
        if isinstance(value, Mapping):
            yield from _numbers(name, value, labels)
        # Counts by path of HTTP are no names.
        elif isinstance(value, int | float) and not isinstance(value, bool) and key.isidentifier():
            yield Sample(name, float(value), labels)
