"""What could be saved in an environment, and what it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from protoc_gen_nats.environments import Environment
from protoc_gen_nats.targets.terraform.prices import PriceList

__all__ = ["Saving", "savings_of"]

_INTEL = re.compile(r"([cmr])[5-7]i?\.|t3\.")
_QUORUM = 3
_WORTH = 1.0
"""What saves less than this a month is not worth a line."""


@dataclass(frozen=True, slots=True)
class Saving:
    """One thing that somebody could change. Savings do not add up: some are of the same item."""

    what: str
    month: float


def savings_of(
    environment: Environment, month: Mapping[str, float], prices: PriceList
) -> Iterator[Saving]:
    """Finds them.

    Args:
        environment: What is paid for.
        month: The costs of a month, by the name of the item.
        prices: The prices of the region.
    """
    found = [*_of_tasks(month, prices), *_of_nodes(environment, month, prices)]
    found += _of_network(environment, month, prices)
    if month["private CA"] > (short := prices.of("private_ca_short_lived") or 0.0):
        text = "certificates that live for at most 7 days (`certificates.lifetime`): a CA for those"
        found.append(Saving(text, month["private CA"] - short))
    yield from sorted(
        (saving for saving in found if saving.month >= _WORTH), key=lambda saving: -saving.month
    )


def _of_tasks(month: Mapping[str, float], prices: PriceList) -> Iterator[Saving]:
    tasks = month["Fargate CPU"] + month["Fargate memory"]
    intel, arm = (prices.of(kind, "vcpu_hour") for kind in ("fargate", "fargate_arm"))
    if intel and arm:
        yield Saving("tasks on Graviton: images for arm64", tasks * (1 - arm / intel))
    yield Saving(
        "tasks on Fargate Spot, which may stop them two minutes after it says so: for environments"
        " that nobody depends on",
        tasks * prices.discounts["Fargate Spot"],
    )
    yield Saving(
        "a Compute Savings Plan for the least number of tasks, one year, nothing upfront",
        tasks * prices.discounts["Compute Savings Plan, Fargate"],
    )


def _of_nodes(
    environment: Environment, month: Mapping[str, float], prices: PriceList
) -> Iterator[Saving]:
    nats, redis = environment.nats, environment.redis
    nodes = month[f"{nats.instance_type} nodes"]
    graviton = _INTEL.sub(
        lambda match: f"{match[1]}6g." if match[1] else "t4g.", nats.instance_type
    )
    ours, theirs = (prices.of("ec2", type_) for type_ in (nats.instance_type, graviton))
    if ours and theirs and graviton != nats.instance_type:
        text = f"NATS on {graviton}, with a server and an image for arm64"
        yield Saving(text, nodes * (1 - theirs / ours))
    if nats.nodes > _QUORUM:
        text = f"{_QUORUM} NATS nodes: a failed one leaves no spare for streams of three replicas"
        yield Saving(text, nodes * (1 - _QUORUM / nats.nodes))
    yield Saving(
        "a Compute Savings Plan for the NATS nodes, one year, nothing upfront",
        nodes * prices.discounts["Compute Savings Plan, EC2"],
    )
    if redis is not None:
        yield Saving(
            "reserved Redis nodes, one year, nothing upfront",
            month[f"{redis.instance_type} nodes"] * prices.discounts["reserved nodes, ElastiCache"],
        )


def _of_network(
    environment: Environment, month: Mapping[str, float], prices: PriceList
) -> Iterator[Saving]:
    zones = len(environment.zones)
    endpoints = month["interface endpoints"]
    yield Saving(
        "interface endpoints in one zone: AWS is out of reach when that zone is",
        endpoints * (1 - 1 / zones),
    )
    if price := prices.of("nat_gateway_hour"):
        text = (
            "a NAT gateway in each zone in place of interface endpoints: what tasks ask of AWS"
            " leaves the network, and transfer costs more"
        )
        yield Saving(text, endpoints - zones * price * prices.hours_per_month)
