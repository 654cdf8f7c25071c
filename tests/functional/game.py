"""A service as the generator would write it, with messages that come with protobuf."""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from google.protobuf.wrappers_pb2 import BoolValue, Int64Value, StringValue

import protonats
from protonats import _codegen

_codegen.require_contract(1)

WON: Final = "google.protobuf.StringValue"
SCORED: Final = "google.protobuf.Int64Value"
DURABLE: Final = "game_events"
STREAM: Final = "GAME"


class GameServiceMethods:
    echo: Final = _codegen.MethodInfo(
        service="game.v1.GameService",
        name="Echo",
        python_name="echo",
        subject="svc.game.v1.echo",
        kind=_codegen.MethodKind.UNARY,
        request=StringValue,
        response=StringValue,
        timeout=5.0,
    )


class GameServiceEvents:
    won: Final = _codegen.EventInfo(
        message=StringValue, subject="evt.game.won.v1", key_field="value", durable=True
    )
    scored: Final = _codegen.EventInfo(
        message=Int64Value, subject="evt.game.scored.v1", key_field=None, durable=True
    )
    ticked: Final = _codegen.EventInfo(
        message=BoolValue, subject="evt.game.ticked.v1", key_field=None, durable=False
    )


class GameServiceClient(_codegen.Client):
    async def echo(self, request: StringValue, *, timeout: float | None = None) -> StringValue:
        return await self._unary(GameServiceMethods.echo, request, timeout=timeout)


class GameServiceServer(_codegen.Server, ABC):
    __protonats__: ClassVar = _codegen.ServiceInfo(
        name="game",
        full_name="game.v1.GameService",
        domain="game",
        version="1.0.0",
        description="Plays.",
        methods=(GameServiceMethods.echo,),
        consumers=(
            _codegen.ConsumerInfo(
                durable=DURABLE,
                handlers=(
                    _codegen.HandlerInfo(python_name="on_won", event=GameServiceEvents.won),
                    _codegen.HandlerInfo(python_name="on_scored", event=GameServiceEvents.scored),
                ),
            ),
        ),
    )

    @abstractmethod
    async def echo(self, request: StringValue, context: protonats.CallContext) -> StringValue: ...

    @abstractmethod
    async def on_won(self, event: StringValue, context: protonats.EventContext) -> None: ...

    @abstractmethod
    async def on_scored(self, event: Int64Value, context: protonats.EventContext) -> None: ...


class GameServicePublisher(_codegen.Publisher):
    async def publish_won(
        self,
        event: StringValue,
        *,
        metadata: Mapping[str, str] | None = None,
        event_id: str | None = None,
    ) -> protonats.PublishAck:
        return await self._publish(
            GameServiceEvents.won, event, metadata=metadata, event_id=event_id
        )

    async def publish_scored(
        self, event: Int64Value, *, metadata: Mapping[str, str] | None = None
    ) -> protonats.PublishAck:
        return await self._publish(
            GameServiceEvents.scored, event, metadata=metadata, event_id=None
        )

    async def publish_ticked(self, event: BoolValue) -> protonats.PublishAck:
        return await self._publish(GameServiceEvents.ticked, event, metadata=None, event_id=None)


class Game(GameServiceServer):
    """Remembers every event; `on_event` decides what else happens to it."""

    def __init__(self) -> None:
        self.events: list[tuple[str | int, protonats.EventContext]] = []
        self.on_event: Callable[[str | int, protonats.EventContext], Any] | None = None

    @property
    def values(self) -> list[str | int]:
        """The contents of the events, in the order in which they came."""
        return [value for value, _ in self.events]

    def has(self, value: str | int) -> bool:
        """Whether an event with this content came."""
        return value in self.values

    async def echo(self, request: StringValue, context: protonats.CallContext) -> StringValue:
        return request

    async def on_won(self, event: StringValue, context: protonats.EventContext) -> None:
        await self._take(event.value, context)

    async def on_scored(self, event: Int64Value, context: protonats.EventContext) -> None:
        await self._take(event.value, context)

    async def _take(self, value: str | int, context: protonats.EventContext) -> None:
        self.events.append((value, context))
        if self.on_event is not None:
            await self.on_event(value, context)


def plan(**consumer: object) -> dict[str, Any]:
    """What `protonats.provision` creates for the service; arguments change its consumer."""
    return {
        "streams": [
            {"name": STREAM, "subjects": ["evt.game.>"], "duplicate_window_seconds": 60},
            {"name": "DLQ", "subjects": ["dlq.>"]},
        ],
        "consumers": [
            {
                "stream": STREAM,
                "durable": DURABLE,
                "service": "game",
                "filter_subjects": ["evt.game.won.v1.*", "evt.game.scored.v1"],
                "ack_wait_seconds": 30,
                "max_deliver": 3,
                "max_ack_pending": 100,
                "backoff_seconds": [0.05, 0.1],
                **consumer,
            }
        ],
    }


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Returns when the condition, a function or coroutine function, holds.

    Raises:
        TimeoutError: It did not within `seconds`.
    """
    async with asyncio.timeout(seconds):
        while True:
            result = condition()
            if await result if inspect.isawaitable(result) else result:
                return
            await asyncio.sleep(0.005)
