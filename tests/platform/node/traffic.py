"""What is published and stored on the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Any

from nats.aio.client import Client
from nats.errors import Error
from nats.js.api import RetentionPolicy, StorageType, StreamConfig

from tests.platform.node.cluster import Cluster

__all__ = ["STREAM", "Publisher", "make_stream", "publish", "replicas", "stored"]

STREAM = "GAME_EVENTS"
_SUBJECT = "evt.quest.completed.v1.player"


def make_stream(cluster: Cluster) -> None:
    """Sees that a stream with three replicas is there."""

    stream = StreamConfig(
        name=STREAM,
        subjects=["evt.quest.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        num_replicas=3,
        duplicate_window=120,
    )

    async def work() -> None:
        connection = await cluster.connect("deployer")
        for attempt in range(20):
            try:  # a leader that is new does not answer at once
                await connection.jetstream(timeout=2).add_stream(stream)
                break
            except Exception:
                if attempt == 19:
                    raise
        await connection.close()

    cluster.do(work)


async def _publish(connection: Client, message: str, size: int = 100) -> None:
    """Publishes until it is acknowledged: the server stores it once."""
    jetstream = connection.jetstream(timeout=1)
    end = time.monotonic() + 30
    while True:
        try:
            await jetstream.publish(
                _SUBJECT, b"x" * size, headers={"Nats-Msg-Id": message}, timeout=1
            )
            return
        except Exception:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.05)


def publish(cluster: Cluster, name: str, count: int, size: int = 100) -> None:
    """Publishes so many messages; each is acknowledged when this returns."""

    async def work() -> None:
        connection = await cluster.connect("operator")
        for number in range(count):
            await _publish(connection, f"{name}-{number}", size)
        await connection.close()

    cluster.do(work, 90)


def _of(connection: Client, what: str) -> Any:
    return getattr(connection.jetstream(timeout=2), what)


def stored(cluster: Cluster) -> int:
    """How many messages the stream has."""

    async def work() -> int:
        connection = await cluster.connect("operator")
        info = await _of(connection, "stream_info")(STREAM)
        await connection.close()
        return int(info.state.messages)

    return cluster.do(work)


def replicas(cluster: Cluster) -> dict[str, bool]:
    """The servers that have the stream, and whether each is up to date."""

    async def work() -> dict[str, bool]:
        connection = await cluster.connect("operator")
        try:
            group = (await _of(connection, "stream_info")(STREAM)).cluster
        except Exception:
            return {}
        finally:
            await connection.close()
        if not group.leader:
            return {}
        peers = {peer.name: bool(peer.current) for peer in group.replicas or ()}
        return {group.leader: True} | peers

    return cluster.do(work)


class Publisher:
    """Publishes without a pause, first to one node, until it is told to end."""

    def __init__(self, cluster: Cluster, name: str, node: str) -> None:
        self._cluster, self._name, self._node = cluster, name, node
        self._end = threading.Event()
        self._begun = threading.Event()
        self.sent = 0
        """Messages that were acknowledged."""

        self.gap = 0.0
        """The longest time between two acknowledgements, in seconds."""

        self.errors: list[str] = []
        self.closed = False
        self.moved_to = ""
        """The address it was connected to in the end."""

    def __enter__(self) -> Publisher:
        self._done = self._cluster.begin(self._work)
        while not self._begun.wait(0.05):
            if self._done.done():
                self._done.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._done.result(60)

    async def _work(self) -> None:
        async def on_error(error: Exception) -> None:
            self.errors.append(repr(error))

        async def on_close() -> None:
            self.closed = not self._end.is_set()

        others = [name for name in self._cluster.addresses if name != self._node]
        connection = await self._cluster.connect(
            "operator",
            self._node,
            *others,
            dont_randomize=True,
            error_cb=on_error,
            closed_cb=on_close,
            reconnect_time_wait=0.1,
        )
        last = time.monotonic()
        while not self._end.is_set():
            await _publish(connection, f"{self._name}-{self.sent}")
            self.sent += 1
            self.gap = max(self.gap, time.monotonic() - last)
            last = time.monotonic()
            self._begun.set()
            await asyncio.sleep(0.005)
        url = connection.connected_url
        self.moved_to = (url.hostname or "") if url else ""
        with contextlib.suppress(Error, OSError):
            await connection.close()
