"""A provisioning plan: its file, and what its entries mean for JetStream.

What the entries mean is told by pure functions, which raise `KeyError` for a field that is missing,
and `ValueError` with what to write for one that is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

from nats.js import api

from protonats._consuming.delivery import DEFAULT_BACKOFF, DeliveryPolicy
from protonats.errors import ConfigurationError

_RETENTION: Final = {
    "limits": api.RetentionPolicy.LIMITS,
    "work_queue": api.RetentionPolicy.WORK_QUEUE,
    "interest": api.RetentionPolicy.INTEREST,
}
_STORAGE: Final = {"file": api.StorageType.FILE, "memory": api.StorageType.MEMORY}


def load_plan(path: str | PathLike[str]) -> Mapping[str, Any]:
    """The plan in a file.

    Raises:
        OSError: It cannot be read.
        ConfigurationError: It is no plan.
    """
    try:
        plan = json.loads(Path(path).read_text())
    except ValueError as error:
        raise ConfigurationError(f"{path} is no JSON: {error}") from None
    if not isinstance(plan, dict):
        raise ConfigurationError(f"{path} is no plan: write an object with streams and consumers")
    return plan


def stream_config(entry: Mapping[str, Any]) -> api.StreamConfig:
    """The configuration of a stream."""
    return api.StreamConfig(
        name=entry["name"],
        description=entry.get("description"),
        subjects=list(entry["subjects"]),
        retention=_choice("retention", entry.get("retention") or "limits", _RETENTION),
        storage=_choice("storage", entry.get("storage") or "file", _STORAGE),
        max_age=number(entry, "max_age_seconds"),
        max_msg_size=number(entry, "max_message_bytes", -1),
        duplicate_window=number(entry, "duplicate_window_seconds", 0),
        # What `protonats.replay` and the dead letters are read by, without a consumer.
        allow_direct=True,
    )


def consumer_config(entry: Mapping[str, Any]) -> api.ConsumerConfig:
    """The configuration of a durable pull consumer."""
    backoff = entry.get("backoff_seconds")
    policy = DeliveryPolicy(
        max_deliver=number(entry, "max_deliver"),
        backoff=tuple(map(float, backoff)) if backoff else DEFAULT_BACKOFF,
    )
    return api.ConsumerConfig(
        name=entry["durable"],
        durable_name=entry["durable"],
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=number(entry, "ack_wait_seconds"),
        # The limit is the runtime's: see "Events" in the wire protocol.
        max_deliver=-1,
        max_ack_pending=number(entry, "max_ack_pending"),
        filter_subjects=list(entry["filter_subjects"]),
        metadata=policy.to_metadata(),
    )


def bucket_config(entry: Mapping[str, Any]) -> api.StreamConfig:
    """The stream that NATS clients agree on for a key-value bucket (ADR-8)."""
    name, ttl = entry["name"], number(entry, "ttl_seconds")
    return api.StreamConfig(
        name=f"KV_{name}",
        description=entry.get("description"),
        subjects=[f"$KV.{name}.>"],
        storage=_choice("storage", entry.get("storage") or "file", _STORAGE),
        discard=api.DiscardPolicy.NEW,
        max_age=ttl,
        max_msgs_per_subject=number(entry, "history", 1),
        duplicate_window=min(ttl, 120) if ttl else 120,
        allow_direct=True,
        allow_rollup_hdrs=True,
        allow_msg_ttl=True,
        deny_delete=True,
    )


def _choice(field: str, value: str, known: Mapping[str, Any]) -> Any:
    if value not in known:
        raise ValueError(f"{field} is {value!r}: write one of {', '.join(known)}")
    return known[value]


def number(entry: Mapping[str, Any], field: str, default: int | None = None) -> Any:
    """The value of a field that holds a number."""
    value = entry.get(field)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{field} is {value!r}: write a number, 0 or more")
    return value
