"""A model of what reads scaling.json: CloudWatch, Application Auto Scaling, and ECS.

It follows their guides. An alarm acts when its state changes, and while it lasts once a minute.
A step policy adds nothing to what it has added within its cooldown, but for a larger step; it takes
nothing away within it. Of policies that act together, the largest capacity counts. Target tracking
is left out: it looks at minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["AGAIN", "START", "Cloud", "Load"]

START = 30
"""Seconds from a desired task to one that serves."""

AGAIN = 60
"""Seconds after which an alarm that lasts acts again."""

Load = Callable[[int, int], Mapping[str, float]]
"""From the second and the number of running tasks: the metrics of that second, by name."""


@dataclass
class _Alarm:
    definition: Mapping[str, Any]
    points: list[float | None] = field(default_factory=list)
    acted: int | None = None
    """When it acted last; None: it is not in alarm."""


@dataclass
class _Activity:
    at: int
    before: int


class Cloud:
    """One service and what scales it, second by second.

    Args:
        scaling: What scaling.json has.
        tasks: The tasks that run at first.
        load: What each second brings.
        delay: Seconds from the end of a period until its alarm acts.
    """

    def __init__(
        self, scaling: Mapping[str, Any], tasks: int, load: Load, *, delay: int = 10
    ) -> None:
        self.now = 0
        self.desired = tasks
        self.running = tasks
        self._target = scaling["target"]
        self._policies = {one["PolicyName"]: one for one in scaling["policies"]}
        self._alarms = [_Alarm(one) for one in scaling["alarms"]]
        self._load = load
        self._delay = delay
        self._samples: list[Mapping[str, float]] = []
        self._starting: list[tuple[int, int]] = []
        self._activities: dict[str, _Activity] = {}

    def run(self, seconds: int) -> None:
        """Lets time pass."""
        for _ in range(seconds):
            self._second()

    def seconds_until(self, done: Callable[[Cloud], bool], at_most: int) -> int:
        """Lets time pass until something is so, and gives the seconds that it took."""
        begun = self.now
        while not done(self):
            assert self.now - begun < at_most, f"{self.desired} tasks after {at_most} s"
            self._second()
        return self.now - begun

    def _second(self) -> None:
        self._samples.append(self._load(self.now, self.running))
        self.now += 1
        for alarm in self._alarms:
            if (self.now - self._delay) % _period(alarm.definition) == 0:
                self._evaluate(alarm)
        if self._starting and self._starting[0][0] <= self.now:
            self.running = self._starting.pop(0)[1]

    def _evaluate(self, alarm: _Alarm) -> None:
        definition = alarm.definition
        end = self.now - self._delay
        window = self._samples[max(end - _period(definition), 0) : end]
        alarm.points.append(_value(definition, window))
        points = alarm.points[-definition["EvaluationPeriods"] :]
        breaching = sum(point is not None and _breaches(definition, point) for point in points)
        if breaching < definition["DatapointsToAlarm"]:
            alarm.acted = None
        elif alarm.acted is None or self.now - alarm.acted >= AGAIN:
            alarm.acted = self.now
            distance = (points[-1] or 0.0) - definition["Threshold"]
            for action in definition["AlarmActions"]:
                self._act(action.removeprefix("${").removesuffix("_policy_arn}"), distance)

    def _act(self, name: str, distance: float) -> None:
        steps = self._policies[name]["StepScalingPolicyConfiguration"]
        activity = self._activities.get(name)
        recent = activity is not None and self.now - activity.at < steps["Cooldown"]
        base = activity.before if activity is not None and recent else self.desired
        wanted = _adjusted(steps, base, distance)
        wanted = min(max(wanted, self._target["MinCapacity"]), self._target["MaxCapacity"])
        fewer = wanted < base
        if wanted == self.desired or (fewer and recent) or (not fewer and wanted < self.desired):
            return
        self._activities[name] = _Activity(self.now, base)
        self.desired = wanted
        if wanted < self.running:
            self.running = wanted
        else:
            self._starting.append((self.now + START, wanted))


def _period(alarm: Mapping[str, Any]) -> int:
    if "Period" in alarm:
        return int(alarm["Period"])
    return max(int(one["MetricStat"]["Period"]) for one in alarm["Metrics"] if "MetricStat" in one)


def _value(alarm: Mapping[str, Any], window: list[Mapping[str, float]]) -> float | None:
    """The data point of a period; None where a metric is missing."""
    if not window:
        return None
    if "MetricName" in alarm:
        return _mean(alarm["MetricName"], window)
    names = {
        one["Id"]: one["MetricStat"]["Metric"]["MetricName"]
        for one in alarm["Metrics"]
        if "MetricStat" in one
    }
    (expression,) = (one["Expression"] for one in alarm["Metrics"] if "Expression" in one)
    total = 0.0
    for term in expression.split(" + "):
        name, share = term.split(" / ")
        mean = _mean(names[name], window)
        if mean is None:
            return None
        total += mean / float(share)
    return total


def _mean(metric: str, window: list[Mapping[str, float]]) -> float | None:
    if any(metric not in sample for sample in window):
        return None
    return sum(sample[metric] for sample in window) / len(window)


def _breaches(alarm: Mapping[str, Any], point: float) -> bool:
    if alarm["ComparisonOperator"] == "GreaterThanThreshold":
        return bool(point > alarm["Threshold"])
    assert alarm["ComparisonOperator"] == "LessThanThreshold"
    return bool(point < alarm["Threshold"])


def _adjusted(steps: Mapping[str, Any], base: int, distance: float) -> int:
    """The capacity that a policy wants, from where the value is beyond the threshold."""
    (step,) = (
        one
        for one in steps["StepAdjustments"]
        if one.get("MetricIntervalLowerBound", -math.inf)
        <= distance
        <= one.get("MetricIntervalUpperBound", math.inf)
    )
    adjustment = int(step["ScalingAdjustment"])
    if steps["AdjustmentType"] == "ExactCapacity":
        return adjustment
    assert steps["AdjustmentType"] == "PercentChangeInCapacity"
    change = math.trunc(base * adjustment / 100)
    least = steps.get("MinAdjustmentMagnitude", 1)
    return base + int(math.copysign(max(abs(change), least), adjustment))
