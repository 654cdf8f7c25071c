"""Rules of services and methods: where they are reached, and what a caller may rely on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from protoc_gen_nats import subjects
from protoc_gen_nats.comparing.findings import Affected, Finding
from protoc_gen_nats.comparing.reporting import Comparison
from protoc_gen_nats.comparing.snapshot import Snapshot
from protoc_gen_nats.model import Idempotency, Method, MethodKind, RetryPolicy, Service

__all__ = ["compare_services"]

Change = tuple[str, str]
"""A rule's name, and what changed."""

_LEVELS = (Idempotency.UNKNOWN, Idempotency.IDEMPOTENT, Idempotency.NO_SIDE_EFFECTS)
"""From what promises least to what promises most."""

_KINDS = {
    MethodKind.UNARY: "unary",
    MethodKind.SERVER_STREAM: "a stream of responses",
    MethodKind.CLIENT_STREAM: "a stream of requests",
    MethodKind.BIDI_STREAM: "a stream of requests and responses",
}


def compare_services(comparison: Comparison) -> Iterator[Finding]:
    """Compares the services that are in both states, and their methods."""
    for name, old in comparison.before.services.items():
        new = comparison.after.services.get(name)
        if new is None:
            continue
        package = name.removesuffix(old.proto_name).removesuffix(".")
        callers = _callers(comparison, old, new)
        for rule, text in _of_service(old, new):
            yield comparison.finding(rule, name, new.place, text, callers, package=package)
        methods = {method.name: method for method in new.methods}
        for method in old.methods:
            now = methods.get(method.name)
            callers = _callers(comparison, method, now)
            changes: Iterable[Change] = [("METHOD_REMOVED", f"method {method.name} is gone")]
            if now is not None:
                was = _operation(comparison.before, method, old.domain)
                is_moved = was != _operation(comparison.after, now, new.domain)
                changes = _of_method(method, now, is_moved=is_moved)
            place = (now or new).place
            for rule, text in changes:
                yield comparison.finding(
                    rule, method.full_name, place, text, callers, package=package
                )


def _callers(
    comparison: Comparison, old: Service | Method, new: Service | Method | None
) -> list[Affected]:
    """Who calls it, or did."""
    found = list(comparison.before.callers(old))
    return [*found, *comparison.after.callers(new)] if new else found


def _of_service(old: Service, new: Service) -> Iterator[Change]:
    if old.domain != new.domain:
        text = (
            f"its domain was {old.domain}, and is {new.domain} now: old callers call"
            f" svc.{old.domain}.…, where nobody answers, and the queue group is q.{new.domain}"
        )
        yield "DOMAIN_CHANGED", text
    if old.name != new.name:
        text = (
            f"its name in discovery was {old.name}, and is {new.name} now: `$SRV.PING.{old.name}`"
        )
        yield "DISCOVERY_NAME_CHANGED", f"{text} finds it no longer"


def _of_method(old: Method, new: Method, *, is_moved: bool) -> Iterator[Change]:
    if old.kind is not new.kind:
        yield "METHOD_KIND_CHANGED", f"it was {_KINDS[old.kind]}, and is {_KINDS[new.kind]} now"
    for what, rule in (
        ("request", "METHOD_REQUEST_CHANGED"),
        ("response", "METHOD_RESPONSE_CHANGED"),
    ):
        was, now = getattr(old, what).full_name, getattr(new, what).full_name
        if was != now:
            yield rule, f"its {what} was {was}, and is {now} now"
    if is_moved:
        text = f"its subject was {old.subject}, and is {new.subject} now: old callers reach nobody"
        yield "SUBJECT_CHANGED", text
    for route in old.http:
        if route not in new.http:
            same = (one for one in new.http if (one.verb, one.path) == (route.verb, route.path))
            text = "has another body now" if any(same) else "is gone"
            yield "HTTP_ROUTE_CHANGED", f"its HTTP route {route.verb} {route.path} {text}"
    if (new.timeout or math.inf) < (old.timeout or math.inf):
        text = f"a call had {_time(old.timeout)}, and has {_time(new.timeout)} now"
        yield "TIMEOUT_LOWERED", text
    if _LEVELS.index(new.idempotency_level) < _LEVELS.index(old.idempotency_level):
        text = (
            f"it was {old.idempotency_level.name}, and is {new.idempotency_level.name} now: old"
            " callers still repeat requests that may have been handled"
        )
        if old.hedging and not new.hedging:
            text += ", and send a second one while the first is late"
        yield "IDEMPOTENCY_LOWERED", text
    yield from _retries(old, new)
    yield from _keys(old, new)
    before, after = old.concurrency, new.concurrency
    if after and (not before or after.max_in_flight < before.max_in_flight):
        was = f"{before.max_in_flight} calls" if before else "any number of calls"
        text = f"an instance ran {was} at once, and runs {after.max_in_flight} now"
        yield "LIMIT_LOWERED", f"{text}: others wait, or end with RESOURCE_EXHAUSTED"


def _operation(snapshot: Snapshot, method: Method, domain: str) -> str:
    """A subject without what a domain makes of it, which is a finding of the service, and with
    numbers in place of its fields, whose names reach no wire."""
    operation = method.subject.removeprefix(f"svc.{domain}.")
    for path in subjects.parameters(method.subject):
        numbers = snapshot.numbers(method.request.full_name, path)
        operation = operation.replace(f"{{{path}}}", f"{{{numbers}}}")
    return operation


def _retries(old: Method, new: Method) -> Iterator[Change]:
    was, now = old.retry, new.retry
    if now.max_attempts < was.max_attempts:
        text = f"a failed call was made {was.max_attempts} times in all, and is {now.max_attempts}"
        yield "RETRIES_LOWERED", f"{text} times now"
    if (now.attempt_timeout or math.inf) < (was.attempt_timeout or math.inf):
        before = _time(was.attempt_timeout) if was.attempt_timeout else "all the time of its call"
        text = f"an attempt had {before}, and has {_time(now.attempt_timeout)} now"
        yield "RETRIES_LOWERED", text
    if now.max_attempts > was.max_attempts:
        text = (
            f"a failed call was made {was.max_attempts} times in all, and is {now.max_attempts}"
            f" times now: while calls fail, the service gets {now.max_attempts} requests for each"
        )
        yield "RETRIES_CHANGED", text
    if now.max_attempts > 1 and _pauses(was) != _pauses(now):
        text = (
            f"the pauses before another attempt were {_pauses(was)}, and are {_pauses(now)} now:"
            " while a call fails, callers come back at other times"
        )
        yield "RETRIES_CHANGED", text


def _pauses(policy: RetryPolicy) -> str:
    return (
        f"{policy.initial_backoff:g} s, each {policy.multiplier:g} times the last,"
        f" up to {policy.max_backoff:g} s"
    )


def _keys(old: Method, new: Method) -> Iterator[Change]:
    was, now = old.idempotency, new.idempotency
    if now and now.required and not (was and was.required):
        yield "KEY_REQUIRED", "a call without an idempotency key is refused now"
    if was and not now:
        text = "an idempotency key no longer keeps a call from being handled twice"
        yield "KEYS_DROPPED", text
    elif was and now and now.ttl < was.ttl:
        text = f"an answer was kept for {_time(was.ttl)}, and is for {_time(now.ttl)} now"
        yield "KEYS_DROPPED", text
    elif was and now and now.fail_open and not was.fail_open:
        text = "while the store of answers is away, a key no longer protects a call (fail_open)"
        yield "KEYS_DROPPED", text


def _time(seconds: float | None) -> str:
    return f"{seconds:g} s" if seconds else "no time-out"
