"""What the units of a node have to say, beyond what systemd itself checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["problems", "server_problems"]

_UNITS = "/etc/systemd/system"
_LAME_DUCK = 40
"""Seconds: the grace period and the duration of the generated configuration."""

_REQUIRED = {
    "nats.service": {
        "Requires": "nats-prepare.service",
        "After": "nats-prepare.service",
        "RequiresMountsFor": "/var/lib/nats",
        "StartLimitIntervalSec": "0",
        "User": "nats",
        "EnvironmentFile": "/etc/nats/node.env",
        "ExecReload": "/bin/kill -HUP $MAINPID",
        "KillSignal": "SIGUSR2",
        "Restart": "always",
        "StateDirectory": "nats",
        "WantedBy": "multi-user.target",
    },
    "nats-prepare.service": {
        "Requires": "nats-volume.service",
        "After": "nats-volume.service",
        "Type": "oneshot",
        "RemainAfterExit": "yes",
        "Restart": "on-failure",
        "StandardOutput": "journal+console",
        "EnvironmentFile": "/etc/nats/settings.env",
    },
    "nats-volume.service": {
        "After": "network-online.target",
        "Type": "oneshot",
        "RemainAfterExit": "yes",
        "Restart": "on-failure",
        "StandardOutput": "journal+console",
    },
    "var-lib-nats.mount": {
        "Requires": "nats-volume.service",
        "After": "nats-volume.service",
        "Where": "/var/lib/nats",
    },
    "nats-configuration.timer": {"WantedBy": "timers.target"},
    "nats-certificate.timer": {"WantedBy": "timers.target"},
    "nats-health.timer": {"WantedBy": "timers.target"},
}


def _settings(text: str) -> dict[str, list[str]]:
    """The words of each setting of a unit; those given twice are joined."""
    settings: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            settings.setdefault(name, []).append(value)
    return settings


def problems(files: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the files of a node, by path."""
    for unit, required in _REQUIRED.items():
        settings = _settings(files[f"{_UNITS}/{unit}"])
        for name, value in required.items():
            found = settings.get(name, [])
            if value not in found and value not in " ".join(found).split():
                yield f"{unit}: {name} has to be {value}"
    server = _settings(files[f"{_UNITS}/nats.service"])
    if int(server.get("TimeoutStopSec", ["0"])[0]) < _LAME_DUCK + 10:
        yield "nats.service: TimeoutStopSec is shorter than lame duck takes"
    if int(server.get("OOMScoreAdjust", ["0"])[0]) >= 0:
        yield "nats.service: OOMScoreAdjust lets the kernel end the server first"
    mount = _settings(files[f"{_UNITS}/var-lib-nats.mount"])
    if not mount["What"][0].startswith("/dev/disk/by-id/"):
        yield "var-lib-nats.mount: What is a name that may be another disk's after a reboot"
    if "_netdev" not in mount["Options"][0].split(","):
        yield "var-lib-nats.mount: early boot would wait for the volume without _netdev"
    steps = _settings(files[f"{_UNITS}/nats-prepare.service"])["ExecStart"]
    if steps != ["/opt/nats/server", "/opt/nats/certificate", "/opt/nats/configuration"]:
        yield "nats-prepare.service: a server needs program, certificate and configuration"
    for path, text in files.items():
        if text.startswith("#!/bin/bash") and "\nset -euo pipefail\n" not in text:
            yield f"{path}: goes on after an error"


def server_problems(varz: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a server that runs, by what it says of itself under `/varz`."""
    if not varz.get("tls_required"):
        yield "clients may connect in the clear"
    if not varz.get("tls_verify"):
        yield "clients need no certificate"
    if not varz.get("cluster", {}).get("tls_required"):
        yield "routes are in the clear"
    if not varz.get("jetstream", {}).get("config", {}).get("sync_always"):
        yield "what was acknowledged may be lost in a power cut"
    if not varz.get("tags", [""])[0].startswith("az:"):
        yield "replicas may lie in one zone"
