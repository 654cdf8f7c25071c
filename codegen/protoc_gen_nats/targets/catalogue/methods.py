"""Methods as the catalogue shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from protoc_gen_nats.model import (
    CachePolicy,
    HttpRule,
    Idempotency,
    IdempotencyPolicy,
    Method,
    MethodKind,
    RetryPolicy,
)
from protoc_gen_nats.targets.catalogue.context import Context
from protoc_gen_nats.targets.catalogue.links import Link
from protoc_gen_nats.targets.catalogue.text import comment_html, duration_text, summary_html

__all__ = ["KINDS", "Fact", "MethodView", "method_view"]

KINDS = {
    MethodKind.UNARY: "unary",
    MethodKind.SERVER_STREAM: "server stream",
    MethodKind.CLIENT_STREAM: "client stream",
    MethodKind.BIDI_STREAM: "bidirectional stream",
}
_LEVELS = {
    Idempotency.UNKNOWN: "has side effects",
    Idempotency.IDEMPOTENT: "idempotent",
    Idempotency.NO_SIDE_EFFECTS: "no side effects",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing about something: a text, a piece of code, or links."""

    label: str
    text: str = ""
    code: str = ""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodView:
    """A method."""

    name: str
    anchor: str
    kind: str
    level: str
    """What calling it twice does."""

    request: Link
    response: Link
    streams_requests: bool
    streams_responses: bool
    routes: tuple[HttpRule, ...]
    summary: Markup
    comment: Markup
    subject: str
    facts: list[Fact]


def method_view(method: Method, context: Context) -> MethodView:
    """A method, with those who call it."""
    links = context.links
    return MethodView(
        name=method.name,
        anchor=f"method-{method.name}",
        kind=KINDS[method.kind],
        level=_LEVELS[method.idempotency_level],
        request=links.type(method.request),
        response=links.type(method.response),
        streams_requests=method.kind in (MethodKind.CLIENT_STREAM, MethodKind.BIDI_STREAM),
        streams_responses=method.kind in (MethodKind.SERVER_STREAM, MethodKind.BIDI_STREAM),
        routes=method.http,
        summary=summary_html(method.comment),
        comment=comment_html(method.comment),
        subject=method.subject,
        facts=list(_facts(method, context)),
    )


def _facts(method: Method, context: Context) -> Iterator[Fact]:
    links = context.links
    yield Fact(label="Subject", code=method.subject)
    limit = duration_text(method.timeout) if method.timeout else "none: as long as it likes"
    yield Fact(label="Time-out", text=limit)
    yield Fact(label="Retries", text=_retry(method.retry))
    if method.hedging:
        delay = duration_text(method.hedging.delay)
        attempts = f"at most {method.hedging.max_attempts} requests"
        yield Fact(label="Hedging", text=f"another request after {delay}, {attempts}")
    if method.idempotency:
        yield Fact(label="Idempotency keys", text=_idempotency(method.idempotency))
    if method.cache:
        events = tuple(map(links.event, method.cache.invalidated_by))
        yield Fact(label="Cache", text=_cache(method.cache), links=events)
    if method.concurrency:
        limit = f"{method.concurrency.max_in_flight:,} calls at once in an instance"
        queued = method.concurrency.max_queued
        yield Fact(label="Concurrency", text=f"{limit}, {queued:,} more wait" if queued else limit)
    calls = context.graph.callers_of(method)
    if callers := tuple(links.service(call.caller) for call in calls if not call.wildcard):
        yield Fact(label="Called by", links=callers)
    if anyone := tuple(links.service(call.caller) for call in calls if call.wildcard):
        yield Fact(label="By a wildcard", links=anyone)


def _retry(policy: RetryPolicy) -> str:
    if policy.max_attempts == 1:
        return "none"
    first, longest = duration_text(policy.initial_backoff), duration_text(policy.max_backoff)
    text = f"{policy.max_attempts} attempts, pauses from {first} to {longest}"
    if policy.multiplier != 2:
        text += f", each {policy.multiplier:g} times as long"
    if policy.attempt_timeout:
        text += f", each attempt {duration_text(policy.attempt_timeout)}"
    return text


def _idempotency(policy: IdempotencyPolicy) -> str:
    text = "required" if policy.required else "optional"
    text += f", answers kept for {duration_text(policy.ttl)}"
    return f"{text}; calls go through while the store is away" if policy.fail_open else text


def _cache(policy: CachePolicy) -> str:
    text = f"{duration_text(policy.ttl)}, {duration_text(policy.local_ttl)} of it in memory"
    if not policy.local_ttl:
        text = f"{duration_text(policy.ttl)}, in Redis alone"
    if policy.stale_while_revalidate:
        text += f", stale for {duration_text(policy.stale_while_revalidate)} more"
    if policy.key_fields:
        text += f", by {', '.join(policy.key_fields)}"
    return f"{text}, until" if policy.invalidated_by else text
