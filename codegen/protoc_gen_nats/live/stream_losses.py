"""What is lost when a stream or a consumer gets other settings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from nats.js import JetStreamContext, api

from protoc_gen_nats.subjects import captures

__all__ = ["losses_of_consumer", "losses_of_stream"]


async def losses_of_stream(
    jetstream: JetStreamContext, found: api.StreamInfo, wanted: api.StreamConfig
) -> tuple[list[str], list[str]]:
    """What is lost, and what the server cannot change, when a stream becomes what is wanted."""
    now, state = found.config, found.state
    impossible = []
    losses = [
        f"what is published to {subject} is not stored any more"
        for subject in _uncovered(now.subjects or (), wanted.subjects or ())
    ]
    retention, wanted_retention = _text(now.retention, "limits"), _text(wanted.retention, "limits")
    if retention != wanted_retention:
        change = f"retention {retention} to {wanted_retention}"
        if "workqueue" in (retention, wanted_retention):
            impossible.append(f"{change}: a server cannot change a stream to or from workqueue")
        else:
            losses.append(f"{change}: what no consumer waits for is deleted")
    storage, wanted_storage = _text(now.storage, "file"), _text(wanted.storage, "file")
    if storage != wanted_storage:
        impossible.append(f"storage {storage} to {wanted_storage}: a server cannot change it")
    if state.messages:
        for name, have in (("max_msgs", state.messages), ("max_bytes", state.bytes)):
            limit = getattr(wanted, name)
            if limit is not None and 0 < limit < have:
                losses.append(f"{name} {limit}: it stores {have}, the oldest are deleted")
        if _is_lower(wanted.max_msgs_per_subject, now.max_msgs_per_subject):
            losses.append("fewer messages of each subject: the older ones are deleted")
        if _is_lower(wanted.max_age, now.max_age):
            oldest = await _age_of_oldest(jetstream, found)
            if oldest is None or oldest > (wanted.max_age or 0):
                losses.append("max_age: messages that are older are deleted")
    return losses, impossible


def losses_of_consumer(found: api.ConsumerInfo, wanted: api.ConsumerConfig) -> list[str]:
    """What a consumer does not get any more when it becomes what is wanted."""
    config = found.config
    before = config.filter_subjects or ([config.filter_subject] if config.filter_subject else [">"])
    after = wanted.filter_subjects or [">"]
    waiting = (found.num_pending or 0) + (found.num_ack_pending or 0)
    if not waiting:
        return []
    return [
        f"messages on {subject} are not delivered any more, and {waiting} of the consumer wait"
        for subject in _uncovered(before, after)
    ]


def _uncovered(before: Iterable[str], after: Iterable[str]) -> list[str]:
    wide = list(after)
    return [one for one in before if not any(captures(pattern, one) for pattern in wide)]


def _text(value: object, default: str) -> str:
    return str(getattr(value, "value", value) or default)


def _is_lower(wanted: float | None, now: float | None) -> bool:
    """Whether a limit is lower than it was; none, 0 and -1 are no limit."""
    wanted, now = max(wanted or 0, 0), max(now or 0, 0)
    return wanted > 0 and (not now or wanted < now)


async def _age_of_oldest(jetstream: JetStreamContext, found: api.StreamInfo) -> float | None:
    """Seconds since the oldest message was stored; None where the server does not say."""
    # nats-py leaves the time of the first message out.
    answer = await jetstream._nc.request(f"$JS.API.STREAM.INFO.{found.config.name}", timeout=5)
    first = str(json.loads(answer.data).get("state", {}).get("first_ts", ""))
    try:
        moment = datetime.fromisoformat(first)
    except ValueError:
        return None
    return (datetime.now(UTC) - moment).total_seconds()
