"""Scaling: ten times the traffic within 60 s, as far as it can be calculated."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from protoc_gen_nats.environments import ServiceSettings
from protoc_gen_nats.targets.ecs.programs import Program
from protoc_gen_nats.targets.ecs.scaling import alarms_of, scaling
from protoc_gen_nats.targets.ecs.signals import GATEWAY_SIGNALS, Signal
from tests.unit.ecs_cloud import Cloud, Load
from tests.unit.ecs_manifest import deployed

REQUESTS = GATEWAY_SIGNALS
QUEUE = (Signal("queue", "QueuePerTask", "queue_per_task"),)
WITHIN = 60
"""Seconds: the requirement."""

SHARES = [0.05, 0.11, 0.15, 0.2, 0.21, 0.3, 0.5, 0.75, 1.0]
"""How busy the tasks are before the traffic grows, as a part of what each shall have."""

PHASES = range(10)
"""Seconds of a window of 10 s that are over when it grows."""


def made(settings: ServiceSettings, signals: tuple[Signal, ...]) -> dict[str, Any]:
    program = Program(name="quest", user="quest", settings=settings, signals=signals)
    return scaling(program, *deployed())


def calls(share: float, at: int, tasks: int, settings: ServiceSettings) -> Load:
    """Traffic that keeps `tasks` busy to a share, and ten times as much from a second on."""
    rate = share * tasks * settings.requests_per_task

    def load(second: int, running: int) -> Mapping[str, float]:
        now = rate if second < at else 10 * rate
        return {"RequestsPerTask": now / running, "CPUUtilization": 10.0}

    return load


def events(share: float, at: int, tasks: int, drained: int) -> Load:
    """The same of events, of which each task handles `drained` a second: what is more waits."""
    waiting = 0.0

    def load(second: int, running: int) -> Mapping[str, float]:
        nonlocal waiting
        arriving = share * tasks * drained * (1 if second < at else 10)
        waiting = max(waiting + arriving - running * drained, 0.0)
        return {"QueuePerTask": waiting / running, "CPUUtilization": 10.0}

    return load


def seconds_to_scale(
    policy: Mapping[str, Any], settings: ServiceSettings, share: float, delay: int
) -> tuple[int, int]:
    """Seconds, at the most, until so many tasks are desired and run that each has its share of ten
    times the traffic again."""
    tasks = settings.min_tasks
    needed = min(math.ceil(10 * share * tasks - 1e-9), settings.max_tasks)
    slowest = (0, 0)
    for phase in PHASES:
        at = 100 + phase
        cloud = Cloud(policy, tasks, calls(share, at, tasks, settings), delay=delay)
        cloud.run(at)
        assert cloud.desired == tasks, "it scaled before there was a reason"
        desired = cloud.seconds_until(lambda c: c.desired >= needed, 600)
        running = desired + cloud.seconds_until(lambda c: c.running >= needed, 600)
        slowest = max(slowest[0], desired), max(slowest[1], running)
    return slowest


@pytest.mark.parametrize(("tasks", "most"), [(2, 20), (1, 10), (3, 30), (7, 70), (2, 5)])
@pytest.mark.parametrize("share", SHARES)
def test_ten_times_the_calls_have_their_tasks_within_a_minute(
    share: float, tasks: int, most: int
) -> None:
    settings = ServiceSettings(min_tasks=tasks, max_tasks=most)
    policy = made(settings, REQUESTS)

    desired, running = seconds_to_scale(policy, settings, share, delay=10)
    assert (desired <= 30, running <= WITHIN) == (True, True)

    desired, _ = seconds_to_scale(policy, settings, share, delay=30)
    assert desired <= WITHIN, "also where CloudWatch takes its time"


@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("drained", [10, 100])
def test_ten_times_the_events_have_their_tasks_within_a_minute(share: float, drained: int) -> None:
    settings = ServiceSettings(min_tasks=2, max_tasks=20, queue_per_task=100)
    policy = made(settings, QUEUE)
    needed = math.ceil(10 * share * 2 - 1e-9)

    for phase in PHASES:
        at = 100 + phase
        cloud = Cloud(policy, 2, events(share, at, 2, drained))
        cloud.run(at)
        assert cloud.desired == 2
        assert cloud.seconds_until(lambda c: c.desired >= needed, 600) <= WITHIN


def test_there_are_never_more_tasks_than_there_may_be() -> None:
    settings = ServiceSettings(min_tasks=2, max_tasks=6)
    cloud = Cloud(made(settings, REQUESTS), 2, calls(1.0, 50, 2, settings))

    cloud.run(1800)

    assert (cloud.desired, cloud.running) == (6, 6)


def test_a_little_more_than_its_share_doubles_a_service() -> None:
    settings = ServiceSettings(min_tasks=2, max_tasks=20)
    cloud = Cloud(
        made(settings, REQUESTS), 3, lambda _, n: {"RequestsPerTask": 1600 / n, "CPUUtilization": 9}
    )

    cloud.run(600)

    assert cloud.desired == 6


def test_tasks_go_slowly_and_none_that_is_needed() -> None:
    settings = ServiceSettings(min_tasks=2, max_tasks=20)
    rate = 5 * settings.requests_per_task
    cloud = Cloud(
        made(settings, REQUESTS),
        20,
        lambda _, n: {"RequestsPerTask": rate / n, "CPUUtilization": 0},
    )

    cloud.run(14 * 60)
    assert cloud.desired == 20
    cloud.run(6 * 60)
    assert cloud.desired >= 12
    cloud.run(2 * 3600)

    assert 5 < cloud.desired <= 9


def test_an_idle_service_goes_back_to_its_fewest_tasks() -> None:
    settings = ServiceSettings(min_tasks=2, max_tasks=20)
    cloud = Cloud(
        made(settings, REQUESTS), 20, lambda _, n: {"RequestsPerTask": 0, "CPUUtilization": 1}
    )

    assert cloud.seconds_until(lambda c: c.desired == 2, 7200) > 1800


@pytest.mark.parametrize("missing", ["RequestsPerTask", "CPUUtilization"])
def test_no_task_goes_while_nobody_knows_how_busy_they_are(missing: str) -> None:
    metrics = {"RequestsPerTask": 0.0, "CPUUtilization": 1.0}
    del metrics[missing]
    cloud = Cloud(made(ServiceSettings(), REQUESTS), 10, lambda _, n: metrics)

    cloud.run(3600)

    assert cloud.desired == 10


def without_surge(policy: dict[str, Any]) -> None:
    policy["alarms"] = [one for one in policy["alarms"] if "surge" not in one["AlarmName"]]


def minutes(policy: dict[str, Any]) -> None:
    for alarm in policy["alarms"]:
        if "Period" in alarm:
            alarm["Period"] = 60


def one_by_one(policy: dict[str, Any]) -> None:
    for one in policy["policies"]:
        if one["PolicyName"] == "all":
            steps = one["StepScalingPolicyConfiguration"]
            steps |= {"AdjustmentType": "PercentChangeInCapacity"}
            steps["StepAdjustments"][0]["ScalingAdjustment"] = 50


def late_surge(policy: dict[str, Any]) -> None:
    for alarm in policy["alarms"]:
        if "surge" in alarm["AlarmName"]:
            alarm["Threshold"] *= 2


@pytest.mark.parametrize("broken", [without_surge, minutes, one_by_one, late_surge])
def test_other_policies_would_be_too_slow(broken: Callable[[dict[str, Any]], None]) -> None:
    settings = ServiceSettings(min_tasks=2, max_tasks=20)
    policy = copy.deepcopy(made(settings, REQUESTS))

    broken(policy)

    assert max(seconds_to_scale(policy, settings, share, 10) for share in SHARES)[0] > WITHIN


def test_metrics_are_those_that_the_exporter_publishes() -> None:
    policy = made(ServiceSettings(requests_per_task=50, queue_per_task=7), (*REQUESTS, *QUEUE))
    alarms = {one["AlarmName"]: one for one in policy["alarms"]}

    assert [(name, one.get("Threshold")) for name, one in alarms.items()] == [
        ("shop-dev-quest-requests", 50.0),
        ("shop-dev-quest-requests-surge", 100.0),
        ("shop-dev-quest-queue", 7.0),
        ("shop-dev-quest-queue-surge", 14.0),
        ("shop-dev-quest-idle", 0.6),
    ]
    queue = alarms["shop-dev-quest-queue"]
    assert (queue["Namespace"], queue["MetricName"]) == ("Protonats", "QueuePerTask")
    assert queue["Dimensions"] == [
        {"Name": "Cluster", "Value": "shop-dev"},
        {"Name": "Service", "Value": "quest"},
    ]
    load = alarms["shop-dev-quest-idle"]["Metrics"][-1]
    assert load["Expression"] == "requests / 50 + queue / 7 + cpu / 60"


def test_what_has_no_metric_of_its_own_is_scaled_by_its_cpu() -> None:
    policy = made(ServiceSettings(), ())

    assert [one["PolicyName"] for one in policy["policies"]] == ["fewer", "cpu"]
    program = Program(name="quest", user="quest", settings=ServiceSettings())
    assert [one["AlarmName"] for one in alarms_of(program, "shop-dev")] == ["shop-dev-quest-idle"]


def test_every_action_is_a_policy_and_every_step_policy_has_an_alarm() -> None:
    policy = made(ServiceSettings(), (*REQUESTS, *QUEUE))
    actions = {action for alarm in policy["alarms"] for action in alarm["AlarmActions"]}
    steps = [p["PolicyName"] for p in policy["policies"] if p["PolicyType"] == "StepScaling"]

    assert actions == {f"${{{name}_policy_arn}}" for name in steps}
