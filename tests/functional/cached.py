"""What the tests of the cache share: a service that counts, and a look at its metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from google.protobuf.wrappers_pb2 import StringValue
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis, RedisCluster

import protonats
from protonats import _codegen
from protonats._caching.served import Caches
from protonats._info import MethodInfo
from protonats.metrics import Metrics
from protonats.server import CallContext
from tests.functional.game import Game, GameServiceEvents, GameServiceMethods


def cached_method(**cache: Any) -> MethodInfo[StringValue, StringValue]:
    """A method whose responses are cached for 60 s, 50 s of them in memory; a scored event makes
    them invalid."""
    facts: dict[str, Any] = {
        "ttl": 60.0,
        "local_ttl": 50.0,
        "invalidated_by": (GameServiceEvents.scored, GameServiceEvents.won),
        **cache,
    }
    return replace(GameServiceMethods.echo, cache=_codegen.CacheInfo(**facts))


class Counting:
    """One instance that serves a cached method: answers say how often the handler has run."""

    def __init__(
        self,
        connection: protonats.Connection,
        redis: Redis | RedisCluster | None,
        method: MethodInfo[Any, Any],
    ) -> None:
        self.runs = 0
        self.state = "old"
        self.on_call: Callable[[CallContext], Any] | None = None
        self.caches = Caches(connection, redis)
        self._method = method
        self._serve = self.caches.wrap(self.answer, method)

    async def answer(self, request: StringValue, context: CallContext) -> StringValue:
        self.runs += 1
        run, state = self.runs, self.state
        if self.on_call is not None:
            await self.on_call(context)
        return StringValue(value=f"{request.value} {state} {run}")

    async def ask(self, value: str = "a", context: CallContext | None = None) -> str:
        """What a call of the method is answered."""
        if context is None:
            context = CallContext(method=self._method, call_id="0" * 32)
        answer = await self._serve(StringValue(value=value), context)
        assert isinstance(answer, StringValue)
        return answer.value


class Cached(Game):
    """Serves the cached method: answers say how often it has run."""

    __protonats__: ClassVar = replace(Game.__protonats__, methods=(cached_method(),), consumers=())
    runs = 0

    async def echo(self, request: StringValue, context: CallContext) -> StringValue:
        self.runs += 1
        return StringValue(value=f"{request.value} {self.runs}")


def counted(metrics: Metrics, name: str, **labels: str) -> float:
    """The sum of a counter's samples that have these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if sample.name == f"protonats_{name}"
        and all(sample.labels.get(label) == value for label, value in labels.items())
    )
