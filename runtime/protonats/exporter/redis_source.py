"""Asking one Redis server, or each server of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from protonats.exporter.http import Address
from protonats.exporter.redis_figures import cluster_figures, info_figures
from protonats.exporter.samples import Sample
from protonats.redis import connect_redis

if TYPE_CHECKING:
    from redis.asyncio.cluster import ClusterNode

    from protonats.redis import AnyRedis

__all__ = ["RedisSource"]

_PORT: Final = 6379
_GONE: Final = (RedisError, RedisClusterException, OSError, TimeoutError)


class RedisSource:
    """Redis, as a URL says where it is."""

    def __init__(self, url: str, ca: Path | str | None, *, timeout: float) -> None:
        """
        Args:
            url: As `connect_redis` takes it.
            ca: As `connect_redis` takes it.
            timeout: Seconds for each answer.
        """
        self._url = url
        self._ca = ca
        self._timeout = timeout
        self._client: AnyRedis | None = None
        parts = urlsplit(url)
        first = str(Address(parts.hostname or "localhost", parts.port or _PORT))
        self._known: Sequence[tuple[str, ...]] = ((first,),)
        """Servers of the cluster that were in its table last, each by all names that it has."""

    async def ask(self) -> tuple[list[Sample], list[str]]:
        """The figures of all servers, and why some did not answer.

        Raises:
            ConfigurationError: The URL is malformed, or Redis refuses the login.
        """
        if self._client is None:
            self._client = await connect_redis(
                self._url, ca=self._ca, startup_timeout=self._timeout / 2, required=False
            )
        if isinstance(self._client, RedisCluster):
            return await self._ask_cluster(self._client)
        return await self._ask_server(self._client, self._known[0][0])

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _ask_server(self, client: Redis, name: str) -> tuple[list[Sample], list[str]]:
        labels = {"node": name}
        try:
            info = await self._answer(client.info("all"))
        except _GONE as error:
            return [Sample("redis_up", 0.0, labels)], [f"{name}: {error or type(error).__name__}"]
        return [Sample("redis_up", 1.0, labels), *info_figures(info, labels)], []

    async def _ask_cluster(self, client: RedisCluster) -> tuple[list[Sample], list[str]]:
        problems: list[str] = []
        try:
            table = await self._answer(
                client.execute_command("CLUSTER NODES", target_nodes=RedisCluster.RANDOM)
            )
            self._known = [_names(address, entry) for address, entry in table.items()]
        except _GONE as error:
            problems.append(f"CLUSTER NODES: {error or type(error).__name__}")
        nodes, unused = self._used(client)
        if unused:
            # The client learns of a server that came later when it is sent there, and a replica
            # sends nobody.
            try:
                await self._answer(client.nodes_manager.initialize())
            except _GONE as error:
                problems.append(f"CLUSTER SLOTS: {error or type(error).__name__}")
            # One that failed stays in the table, and the client does without it.
            nodes, unused = self._used(client)
        names = sorted({*nodes, *unused})
        answers = await asyncio.gather(*(self._ask_node(name, nodes.get(name)) for name in names))
        for _, problem in answers:
            problems += problem
        return [sample for samples, _ in answers for sample in samples], problems

    def _used(self, client: RedisCluster) -> tuple[dict[str, ClusterNode], set[str]]:
        """The servers that the client uses, by name, and the names of those that it does not."""
        nodes = {str(Address(str(node.host), int(node.port))): node for node in client.get_nodes()}
        return nodes, {known[0] for known in self._known if nodes.keys().isdisjoint(known)}

    async def _ask_node(
        self, name: str, node: ClusterNode | None
    ) -> tuple[list[Sample], list[str]]:
        labels = {"node": name}
        if node is None:
            return [Sample("redis_up", 0.0, labels)], [f"{name}: the cluster does without it"]
        try:
            info = await self._answer(node.execute_command("INFO", "all"))
            cluster = await self._answer(node.execute_command("CLUSTER INFO"))
        except _GONE as error:
            return [Sample("redis_up", 0.0, labels)], [f"{name}: {error or type(error).__name__}"]
        up = Sample("redis_up", 1.0, labels)
        return [up, *info_figures(info, labels), *cluster_figures(cluster, labels)], []

    async def _answer(self, asking: Awaitable[Any]) -> Any:
        async with asyncio.timeout(self._timeout):
            return await asking


def _names(address: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    host, port = entry.get("hostname"), address.rpartition(":")[2]
    return (f"{host}:{port}", address) if host else (address,)
