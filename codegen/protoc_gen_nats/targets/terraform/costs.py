"""What an environment costs a month, item by item, at list prices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from protoc_gen_nats.environments import Environment
from protoc_gen_nats.targets.terraform.prices import PriceList, price_list
from protoc_gen_nats.targets.terraform.savings import Saving, savings_of
from protoc_gen_nats.targets.terraform.variables import Names

__all__ = ["ASSUMPTIONS", "Costs", "Item", "of"]

_ENDPOINTS = 9
"""Interface endpoints in each zone, see `modules/network`."""

_LOGS_GB = 0.5
_SERIES = 250
_SCRAPES = 30.4 * 86400 / 30
_INSIGHTS = 12
_CPU_ALARMS = 2
_FAST_ALARMS = 2
"""Every 10 s, of each metric that a service is scaled by, see `targets/ecs/scaling`. That it is
idle is one alarm more, at the price of one for each of its metrics, its CPU among them."""

ASSUMPTIONS = (
    "a month has 730 hours; tasks run at the least number, and at the most in the last column",
    f"a task writes {_LOGS_GB} GB of logs a month and has {_SERIES} time series, read every 30 s",
    "each load balancer is used to one unit of its capacity",
    f"a service has {_INSIGHTS} metrics of Container Insights, and {_CPU_ALARMS} alarms of its CPU"
    " that AWS makes, beside those that it is scaled by",
    "one task more collects the metrics, and one renews certificates for a minute a day",
    "transfer of data, requests, backups and taxes are left out",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One line of the table."""

    group: str
    """NATS, Redis, Tasks, Network, Security or Monitoring."""

    name: str
    count: float
    unit: str
    """What the price is for: `vCPU hour`."""

    price: float | None
    """None: it is not on the price list."""

    at_most: float
    """The count when every service runs as many tasks as it may."""

    hours: int = 1
    """Of a month; 1 if the price is by the month."""

    @property
    def month(self) -> float:
        """What it costs a month; nothing where no price is known."""
        return self.count * self.hours * (self.price or 0.0)

    @property
    def month_at_most(self) -> float:
        """The same, with as many tasks as there may be."""
        return self.at_most * self.hours * (self.price or 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """The table of one environment."""

    environment: str
    region: str
    currency: str
    as_of: str
    items: tuple[Item, ...]
    savings: tuple[Saving, ...]

    @property
    def month(self) -> float:
        """The sum of all whose price is known."""
        return sum(item.month for item in self.items)

    @property
    def month_at_most(self) -> float:
        """The same, with as many tasks as there may be."""
        return sum(item.month_at_most for item in self.items)


@dataclass(frozen=True, slots=True)
class _Tasks:
    """The tasks of all services, at the least or at the most."""

    number: float
    vcpus: float
    gib: float


_COLLECTOR = _Tasks(number=1, vcpus=0.5, gib=1.0)
"""See `modules/monitoring`."""


def of(environment: Environment, names: Names) -> Costs:
    """The costs of an environment."""
    prices = price_list(environment.region)
    items = tuple(_items(environment, names, prices))
    month = {item.name: item.month for item in items}
    return Costs(
        environment=environment.name,
        region=environment.region,
        currency=prices.currency,
        as_of=prices.as_of,
        items=items,
        savings=tuple(savings_of(environment, month, prices)),
    )


def _items(environment: Environment, names: Names, prices: PriceList) -> Iterator[Item]:
    users = names.tasks(environment)
    least = _tasks(environment, users, most=False)
    most = _tasks(environment, users, most=True)
    hourly = partial(_item, hours=prices.hours_per_month)
    nats, redis, zones = environment.nats, environment.redis, len(environment.zones)
    secrets = len(names.nats_users) + sum(bool(environment.service(u).secrets) for u in users)

    type_ = nats.instance_type
    yield hourly("NATS", f"{type_} nodes", nats.nodes, "node hour", prices.of("ec2", type_))
    disks = nats.nodes * ((nats.disk >> 30) + 10)
    yield _item("NATS", "disks, gp3", disks, "GB month", prices.of("ebs_gp3_gb"))
    yield from _balancer("NATS", "network load balancer", "nlb_capacity_hour", prices)
    if redis is not None:
        nodes = redis.shards * (1 + redis.replicas)
        price = prices.of("elasticache", redis.instance_type)
        yield hourly("Redis", f"{redis.instance_type} nodes", nodes, "node hour", price)
    for name, now, later, unit, key in (
        ("Fargate CPU", least.vcpus, most.vcpus, "vCPU hour", "vcpu_hour"),
        ("Fargate memory", least.gib, most.gib, "GB hour", "gb_hour"),
    ):
        yield hourly("Tasks", name, now, unit, prices.of("fargate", key), later)
    if "gateway" in users:
        yield from _balancer("Network", "HTTP load balancer", "alb_capacity_hour", prices)
    endpoints = _ENDPOINTS * zones
    price = prices.of("endpoint_hour")
    yield hourly("Network", "interface endpoints", endpoints, "endpoint hour", price)
    yield _item("Network", "private DNS zone", 1, "zone month", prices.of("hosted_zone"))
    short = environment.certificates.lifetime <= 7 * 86400
    authority = "private_ca_short_lived" if short else "private_ca"
    yield _item("Security", "private CA", 1, "CA month", prices.of(authority))
    yield _item("Security", "KMS keys", 2, "key month", prices.of("kms_key"))
    yield _item(
        "Security", "secrets", secrets + (redis is not None), "secret month", prices.of("secret")
    )
    logs = least.number * _LOGS_GB, most.number * _LOGS_GB
    yield _item("Monitoring", "logs", logs[0], "GB", prices.of("logs_gb"), logs[1])
    samples = _SERIES * _SCRAPES / 1e7
    now, later = least.number * samples, most.number * samples
    price = prices.of("samples_10m")
    yield _item("Monitoring", "Prometheus samples", now, "10 million", price, later)
    signals = sum(names.signals.get(user, 1) for user in users)
    metrics = len(users) * _INSIGHTS + signals
    yield _item("Monitoring", "metrics", metrics, "metric month", prices.of("metric"))
    alarms = len(users) * (_CPU_ALARMS + 1) + signals
    yield _item("Monitoring", "alarms", alarms, "alarm month", prices.of("alarm"))
    fast, price = _FAST_ALARMS * signals, prices.of("alarm_high_resolution")
    yield _item("Monitoring", "alarms every 10 s", fast, "alarm month", price)


def _item(
    group: str,
    name: str,
    count: float,
    unit: str,
    price: float | None,
    at_most: float | None = None,
    hours: int = 1,
) -> Item:
    return Item(
        group=group,
        name=name,
        count=count,
        unit=unit,
        price=price,
        at_most=count if at_most is None else at_most,
        hours=hours,
    )


def _balancer(group: str, name: str, capacity: str, prices: PriceList) -> Iterator[Item]:
    hourly = partial(_item, hours=prices.hours_per_month)
    yield hourly(group, name, 1, "balancer hour", prices.of("load_balancer_hour"))
    yield hourly(group, f"{name}, capacity", 1, "unit hour", prices.of(capacity))


def _tasks(environment: Environment, users: tuple[str, ...], *, most: bool) -> _Tasks:
    counted = [
        (settings, settings.max_tasks if most else settings.min_tasks)
        for settings in map(environment.service, users)
    ]
    return _Tasks(
        number=_COLLECTOR.number + sum(count for _, count in counted),
        vcpus=_COLLECTOR.vcpus + sum(count * settings.cpu / 1024 for settings, count in counted),
        gib=_COLLECTOR.gib
        + sum(count * settings.memory / (1 << 30) for settings, count in counted),
    )
