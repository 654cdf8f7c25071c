"""What tests of consumers share."""

from __future__ import annotations

import asyncio

from google.protobuf.wrappers_pb2 import StringValue

from protonats import Connection, StatusError, provision
from protonats._consuming.consumer import Consumer
from tests.functional.game import DURABLE, STREAM, Game, GameServicePublisher, plan, until

INFO = Game.__protonats__.consumers[0]


async def consume(
    connection: Connection, game: Game, consumers: list[Consumer], **settings: object
) -> Consumer:
    """Creates stream and consumer with these settings, and starts to consume."""
    await provision.apply(connection.jetstream, plan(**settings))
    consumer = Consumer(connection, INFO, game)
    consumers.append(consumer)
    await consumer.start()
    return consumer


async def unanswered(connection: Connection) -> int:
    """How many messages the consumer has not got to their end."""
    info = await connection.jetstream.consumer_info(STREAM, DURABLE)
    return int(info.num_pending or 0) + int(info.num_ack_pending or 0)


async def all_answered(connection: Connection) -> None:
    async def condition() -> bool:
        return await unanswered(connection) == 0

    await until(condition)


def handled(connection: Connection, event: str, result: str) -> float:
    """The counter of deliveries."""
    for line in connection.metrics.render().decode().splitlines():
        labels = f'{{consumer="{DURABLE}",event="{event}",result="{result}"}} '
        if line.startswith(f"protonats_events_handled_total{labels}"):
            return float(line.rpartition(" ")[2])
    return 0


async def publish_when_possible(publisher: GameServicePublisher, value: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await publisher.publish_won(StringValue(value=value), event_id=value)
                return
            except StatusError:
                await asyncio.sleep(0.05)
