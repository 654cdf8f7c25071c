"""How calls of a method are repeated, answered again, kept and limited."""

from __future__ import annotations

from dataclasses import dataclass

from protoc_gen_nats.model.messages import Event

__all__ = ["CachePolicy", "ConcurrencyLimit", "HedgingPolicy", "IdempotencyPolicy", "RetryPolicy"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """When a failed call is made again. Times are seconds, here and in the other policies."""

    max_attempts: int = 3
    """The first one included."""

    initial_backoff: float = 0.05
    max_backoff: float = 1.0
    multiplier: float = 2.0
    attempt_timeout: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HedgingPolicy:
    """When a second request is sent while the first is late."""

    delay: float
    max_attempts: int = 2
    """The first one included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyPolicy:
    """How answers are kept for calls with an idempotency key."""

    ttl: float = 86400.0
    required: bool = False
    fail_open: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CachePolicy:
    """How responses are cached."""

    ttl: float
    local_ttl: float = 0.1
    stale_while_revalidate: float = 0.0
    key_fields: tuple[str, ...] = ()
    """None: the whole request."""

    invalidated_by: tuple[Event, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ConcurrencyLimit:
    """How many calls one instance runs at once."""

    max_in_flight: int
    max_queued: int = 0
