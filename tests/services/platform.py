"""What tests of the platform's services share: the services in this process, and a look at what
they left behind in the streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

import protonats
from bodybroker.common.v1 import common_pb2
from protonats import Connection, ConnectionSettings, Settings, provision
from protonats._info import EventInfo
from protonats.server import Server
from tests.functional.game import until

PLAN: Final = Path(__file__).parents[2] / "generated/deploy/nats/jetstream.json"
STREAM: Final = "GAME_EVENTS"

MessageT = TypeVar("MessageT", bound=Message)
ServerT = TypeVar("ServerT", bound=Server)


async def apply_plan(connection: Connection) -> None:
    """Creates everything that production has, on one server and with a quicker back-off."""
    plan = json.loads(await asyncio.to_thread(PLAN.read_text))
    for consumer in plan["consumers"]:
        consumer["backoff_seconds"] = [0.05]
    await provision.apply(connection.jetstream, plan, replicas=1)


@asynccontextmanager
async def serving(
    make: Callable[[protonats.Application], ServerT], nats_url: str, redis_url: str | None = None
) -> AsyncIterator[ServerT]:
    """One process's worth of a service, served as production does it."""
    settings = Settings(
        connection=ConnectionSettings(servers=(nats_url,), name="service"),
        redis_url=redis_url,
        health_address=None,
        grace_period=5.0,
    )
    async with protonats.Application(settings) as app:
        server = make(app)
        await app.serve(server)
        yield server


class Events:
    """The events that a stream has stored: what it dropped as a duplicate is not among them."""

    def __init__(self, connection: Connection) -> None:
        self._jetstream = connection.jetstream

    async def count(self, info: EventInfo[Any], key: str) -> int:
        """How many events there are for a key."""
        subject = f"{info.subject}.{key}"
        answer = await self._jetstream.stream_info(STREAM, subjects_filter=subject)
        return (answer.state.subjects or {}).get(subject, 0)

    async def last(self, info: EventInfo[MessageT], key: str) -> MessageT:
        """The last event for a key."""
        found = await self._jetstream.get_last_msg(STREAM, f"{info.subject}.{key}")
        return info.message.FromString(found.data or b"")

    async def handled(self, durable: str, sequence: int | None) -> None:
        """Returns when a consumer has acknowledged everything up to a sequence."""

        async def acknowledged() -> bool:
            info = await self._jetstream.consumer_info(STREAM, durable)
            return info.ack_floor is not None and info.ack_floor.stream_seq >= (sequence or 0)

        await until(acknowledged)


def reason(error: protonats.StatusError) -> tuple[str, dict[str, str]]:
    """Reason and metadata of an error's detail."""
    (detail,) = error.details
    assert isinstance(detail, common_pb2.ErrorInfo)
    return common_pb2.ErrorReason.Name(detail.reason), dict(detail.metadata)
