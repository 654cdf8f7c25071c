"""The generated files of Prometheus and Alertmanager, made quick: nothing else in them is changed.

- What waits, waits a second: `for`, `interval`, and Alertmanager's groups.
- What is scraped is on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.platform.tools import ROOT

__all__ = [
    "FOLDER",
    "RULE_FILES",
    "alertmanager_file",
    "hastened",
    "prometheus_file",
    "write_rules",
]

FOLDER = ROOT / "generated" / "deploy" / "production" / "prometheus"
RULE_FILES = ("rules.yaml", "alerts.yaml", "slo.yaml")

_SECOND = "1s"


def hastened(text: str) -> str:
    """A file of rules, of which each is looked at every second, and none waits longer."""
    content = yaml.safe_load(text)
    for group in content["groups"]:
        group["interval"] = _SECOND
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = _SECOND
    return yaml.safe_dump(content, sort_keys=False)


def prometheus_file(services: Mapping[str, str], exporter: str, alertmanager: str) -> str:
    """The configuration of Prometheus.

    Args:
        services: Where each service tells its metrics, by its user.
        exporter: Where the exporter does.
        alertmanager: Where Alertmanager listens.
    """
    content = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    content["global"] |= {
        "scrape_interval": _SECOND,
        "scrape_timeout": _SECOND,
        "evaluation_interval": _SECOND,
    }
    jobs: dict[str, Any] = {job["job_name"]: job for job in content["scrape_configs"]}
    domain = jobs["services"].pop("dns_sd_configs")[0]["names"][0].partition(".")[2]
    # The label of service discovery, from which the configuration makes those of the metrics.
    jobs["services"]["static_configs"] = [
        {"targets": [address], "labels": {"__meta_dns_name": f"{user}.{domain}"}}
        for user, address in services.items()
    ]
    jobs["exporter"]["static_configs"] = [{"targets": [exporter]}]
    content["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [alertmanager]}]
    return yaml.safe_dump(content, sort_keys=False)


def alertmanager_file(webhook: str) -> str:
    """The configuration of Alertmanager, which tells a webhook at once."""
    content = yaml.safe_load((FOLDER / "alertmanager.yaml").read_text())
    for route in (content["route"], *content["route"].get("routes", ())):
        route |= {"group_wait": "0s", "group_interval": _SECOND}
    for receiver in content["receivers"]:
        for config in receiver["webhook_configs"]:
            del config["url_file"]
            config["url"] = webhook
    return yaml.safe_dump(content, sort_keys=False)


def write_rules(folder: Path) -> None:
    """Writes the rules, made quick."""
    for name in RULE_FILES:
        (folder / name).write_text(hastened((FOLDER / name).read_text()))
