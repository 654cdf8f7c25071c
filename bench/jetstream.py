"""The stream that events are measured with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from bench.peer import Outcome

__all__ = ["EVENTS", "STREAM", "SUBJECT", "ensure_consumer", "fill", "until_acknowledged"]

STREAM: Final = "BENCH_EVENTS"
"""Its name, as in `bench/proto/protonats.yaml`."""

SUBJECT: Final = "evt.bench.added.v1"
"""The subject of the event, as in the schema."""

EVENTS: Final = 10_000
"""How many events are consumed in one round."""

_PAUSE: Final = 0.002


async def fill(
    stream: JetStreamContext, write: Callable[[int], Awaitable[None]], events: int = EVENTS
) -> Outcome:
    """Empties the stream, and lets `write` publish the events of a round."""
    began = perf_counter()
    await stream.purge_stream(STREAM)
    await write(events)
    while True:
        info = await stream.stream_info(STREAM)
        if info.state.messages >= events:
            return {"count": events, "seconds": perf_counter() - began}
        await asyncio.sleep(_PAUSE)


async def ensure_consumer(stream: JetStreamContext, durable: str) -> None:
    """Creates a durable consumer as the schema's own is."""
    with suppress(NotFoundError):
        await stream.consumer_info(STREAM, durable)
        return
    config = ConsumerConfig(
        durable_name=durable,
        ack_policy=AckPolicy.EXPLICIT,
        filter_subject=SUBJECT,
        max_ack_pending=EVENTS,
    )
    await stream.add_consumer(STREAM, config)


async def until_acknowledged(stream: JetStreamContext, durable: str) -> None:
    """Returns when the server has every acknowledgement."""
    while True:
        info = await stream.consumer_info(STREAM, durable)
        if not info.num_pending and not info.num_ack_pending:
            return
        await asyncio.sleep(_PAUSE)
