"""A plan of streams, consumers and buckets in a file, and the commands run on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from nats.js import JetStreamContext

import protonats
from protoc_gen_nats.cli import main
from protonats.testing import EmbeddedNats

PLAN: dict[str, Any] = {
    "streams": [
        {
            "name": "ORDERS",
            "description": "What was ordered.",
            "subjects": ["evt.orders.>", "evt.carts.>"],
            "max_age_seconds": 86400,
        }
    ],
    "consumers": [
        {
            "stream": "ORDERS",
            "durable": "shipping",
            "filter_subjects": ["evt.orders.placed", "evt.orders.paid"],
            "ack_wait_seconds": 30,
            "max_deliver": 2,
            "max_ack_pending": 100,
        }
    ],
    "buckets": [{"name": "parcels", "history": 5, "ttl_seconds": 3600}],
}


def on(nats: EmbeddedNats, act: Callable[[JetStreamContext], Awaitable[Any]]) -> Any:
    """What `act` does with the JetStream of a server."""

    async def run() -> Any:
        async with await protonats.connect(nats.url) as connection:
            return await act(connection.jetstream)

    return asyncio.run(run())


class Planner:
    """The commands, with a plan in a file."""

    def __init__(self, nats: EmbeddedNats, file: Path) -> None:
        self.nats = nats
        self.file = file
        self.plan: dict[str, Any] = json.loads(json.dumps(PLAN))

    def run(self, verb: str, *arguments: str, stdin: str | None = None) -> Result:
        self.file.write_text(json.dumps(self.plan))
        options = [] if verb == "ls" else ["--plan", str(self.file)]
        return CliRunner().invoke(
            main,
            ["streams", verb, *options, *arguments],
            env={"NATS_URL": self.nats.url, "NATS_STARTUP_TIMEOUT": "0.5"},
            input=stdin,
        )

    def apply(self, *arguments: str) -> Result:
        return self.run("apply", "--yes", *arguments)

    def publish(self, subject: str, count: int) -> None:
        async def act(jetstream: JetStreamContext) -> None:
            for _ in range(count):
                await jetstream.publish(subject, b"x")

        on(self.nats, act)
