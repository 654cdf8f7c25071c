"""What the calls of a method share, on one connection."""

from __future__ import annotations

from functools import partial
from typing import Any

from protonats._calling.breaker import Breaker
from protonats._calling.budget import RetryBudget
from protonats._info import Idempotency, MethodInfo
from protonats._wire import subjects
from protonats.metrics import MethodCalls, MethodKey, Metrics
from protonats.settings import BreakerSettings


class CalledMethod:
    """One method, with its counters and its policies in the form that a call needs."""

    __slots__ = (
        "attempt_timeout",
        "breaker",
        "budget",
        "calls",
        "full_name",
        "hedged",
        "key",
        "method",
        "repeatable",
        "replayed",
        "subject",
        "template",
    )

    def __init__(
        self,
        method: MethodInfo[Any, Any],
        calls: MethodCalls,
        breaker: Breaker | None,
        budget: RetryBudget,
    ) -> None:
        self.method = method
        self.key = method.key
        self.full_name = f"{method.service}/{method.name}"
        self.calls = calls
        self.breaker = breaker
        self.budget = budget
        self.template = subjects.template(method.subject)
        self.subject = None if self.template.parameters else method.subject
        """The subject, where it is the same for all requests."""
        self.repeatable = method.idempotency_level is not Idempotency.UNKNOWN
        """Whether a request may be sent again that was perhaps handled."""
        self.replayed = method.idempotency is not None
        """Whether its service keeps the answers to calls with an idempotency key."""
        self.attempt_timeout = method.retry.attempt_timeout
        self.hedged = method.hedging is not None and method.hedging.max_attempts > 1


class CalledMethods:
    """The methods that are called on one connection."""

    def __init__(self, metrics: Metrics, breaker: BreakerSettings | None) -> None:
        self._metrics = metrics
        self._breaker_settings = breaker
        self._methods: dict[str, CalledMethod] = {}
        self._breakers: dict[MethodKey, Breaker] = {}
        self._budgets: dict[str, RetryBudget] = {}

    def get(self, method: MethodInfo[Any, Any]) -> CalledMethod:
        """What the calls of a method share."""
        called = self._methods.get(method.subject)
        if called is None or called.method is not method:
            called = self._methods[method.subject] = self._new(method)
        return called

    def _new(self, method: MethodInfo[Any, Any]) -> CalledMethod:
        return CalledMethod(
            method,
            self._metrics.client_calls(method.key),
            self._breaker(method.key),
            self._budgets.setdefault(method.service, RetryBudget()),
        )

    def _breaker(self, key: MethodKey) -> Breaker | None:
        settings = self._breaker_settings
        if settings is None:
            return None
        breaker = self._breakers.get(key)
        if breaker is None:
            on_change = partial(self._metrics.breaker_changed, key)
            breaker = self._breakers[key] = Breaker(settings, "/".join(key), on_change)
        return breaker
