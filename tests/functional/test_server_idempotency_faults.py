"""Calls with an idempotency key, when instances die and Redis is away."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from protonats._info import IdempotencyInfo
from protonats._serving import answer_store
from protonats._wire import headers
from protonats.errors import Code
from protonats.redis import connect_redis
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional.echo import eventually, serving
from tests.functional.policies import Gate, echo_with, raw_caller

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_store, "RedisAnswers", partial(answer_store.RedisAnswers, lease=0.3))


_PROCESS = """
import asyncio, sys
from functools import partial

from protonats._serving import answer_store
from protonats.redis import connect_redis
from tests.functional.echo import serving
from tests.functional.policies import Gate, echo_with

answer_store.RedisAnswers = partial(answer_store.RedisAnswers, lease=0.3)


async def main():
    gate = Gate()
    async with serving(sys.argv[1], echo_with(gate), redis=await connect_redis(sys.argv[2])):
        print("serving", flush=True)
        while not gate.begun:
            await asyncio.sleep(0.002)
        print("begun", flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
"""


async def test_the_call_of_an_instance_that_was_killed_is_taken_over(
    nats: EmbeddedNats, server: EmbeddedRedis, short_lease: None
) -> None:
    redis = await connect_redis(server.url)
    gate = Gate()
    gate.open.set()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROCESS, nats.url, server.url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with raw_caller(nats.url) as caller:
            assert await process.stdout.readline() == b"serving\n"
            caller.send("x", Pn_Idempotency_Key="k", remaining_ms=600_000)
            assert await process.stdout.readline() == b"begun\n"
            process.kill()
            await process.wait()
            async with serving(nats.url, echo_with(gate), redis=redis):
                other = await caller.call("y", Pn_Idempotency_Key="k")
                assert other.error.code is Code.INVALID_ARGUMENT
                answer = await caller.call("x", Pn_Idempotency_Key="k")
                assert answer.value == "x"
                assert headers.REPLAYED not in answer.lines
                again = await caller.call("x", Pn_Idempotency_Key="k")
                assert again.lines == {headers.REPLAYED: "1"}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert gate.begun == ["x"]
    await redis.aclose()


async def test_a_lease_is_renewed_while_the_handler_runs(
    nats: EmbeddedNats, server: EmbeddedRedis, short_lease: None
) -> None:
    redis = await connect_redis(server.url)
    gate = Gate()
    async with (
        serving(nats.url, echo_with(gate), redis=redis),
        raw_caller(nats.url) as caller,
    ):
        first = caller.send("x", Pn_Idempotency_Key="k")
        await eventually(lambda: gate.running == 1)
        # Three times the lease.
        waiting = await caller.call("x", Pn_Idempotency_Key="k", remaining_ms=1000)
        assert waiting.error.code is Code.ABORTED
        gate.open.set()
        assert (await caller.answer(first)).value == "x"
    assert gate.begun == ["x"]
    await redis.aclose()


async def test_a_record_lives_as_long_as_its_handler_runs_however_short_its_ttl(
    nats: EmbeddedNats, server: EmbeddedRedis, short_lease: None
) -> None:
    redis = await connect_redis(server.url)
    gate = Gate()
    service = echo_with(gate, idempotency=IdempotencyInfo(ttl=0.05))
    async with serving(nats.url, service, redis=redis), raw_caller(nats.url) as caller:
        first = caller.send("x", Pn_Idempotency_Key="k")
        await eventually(lambda: gate.running == 1)
        # Three times the lease, and many times the ttl.
        waiting = await caller.call("x", Pn_Idempotency_Key="k", remaining_ms=1000)
        assert waiting.error.code is Code.ABORTED
        gate.open.set()
        assert (await caller.answer(first)).value == "x"
        # From here on, the ttl holds.
        [key] = await redis.keys("protonats:idem:*") or [""]
        assert not key or await redis.pttl(key) <= 50
    assert gate.begun == ["x"]
    await redis.aclose()


async def test_a_call_that_lost_its_lease_does_not_overwrite_the_answer_of_another(
    nats: EmbeddedNats, server: EmbeddedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    redis = await connect_redis(server.url)
    gate = Gate()
    with caplog.at_level(logging.WARNING, "protonats"):
        async with (
            serving(nats.url, echo_with(gate), redis=redis) as (_, connection),
            raw_caller(nats.url) as caller,
        ):
            first = caller.send("x", Pn_Idempotency_Key="k")
            await eventually(lambda: gate.running == 1)
            [key] = await redis.keys("protonats:idem:*")
            await redis.hset(key, "owner", "another")
            gate.open.set()
            assert (await caller.answer(first)).value == "x"
            assert await redis.hget(key, "owner") == b"another"
            assert b'server_idempotency_failures_total{method="Say"' in connection.metrics.render()
    assert "may have run meanwhile" in caplog.text
    await redis.aclose()


async def test_a_call_that_is_cut_short_can_be_made_again(
    nats: EmbeddedNats, server: EmbeddedRedis
) -> None:
    redis = await connect_redis(server.url)
    gate = Gate()
    async with (
        serving(nats.url, echo_with(gate), redis=redis),
        raw_caller(nats.url) as caller,
    ):
        short = await caller.call("x", Pn_Idempotency_Key="k", remaining_ms=50)
        assert short.error.code is Code.DEADLINE_EXCEEDED
        gate.open.set()
        assert (await caller.call("x", Pn_Idempotency_Key="k")).value == "x"
    assert gate.begun == ["x", "x"]
    await redis.aclose()


async def test_an_answer_is_kept_before_it_is_sent_also_when_the_deadline_passes(
    nats: EmbeddedNats, server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[str] = []
    finish = answer_store.RedisAnswers.finish

    async def slowly(self: Any, call: Any, *arguments: Any) -> bool:
        await asyncio.sleep(0.05)
        result = await finish(self, call, *arguments)
        kept.append(call.name)
        return result

    monkeypatch.setattr(answer_store.RedisAnswers, "finish", slowly)
    redis = await connect_redis(server.url)
    gate = Gate()
    gate.open.set()
    before = asyncio.all_tasks()
    async with serving(nats.url, echo_with(gate), redis=redis), raw_caller(nats.url) as caller:
        assert (await caller.call("x", Pn_Idempotency_Key="a")).value == "x"
        assert len(kept) == 1
        late = await caller.call("x", Pn_Idempotency_Key="b", remaining_ms=30)
        assert late.error.code is Code.DEADLINE_EXCEEDED
        answer = await caller.call("x", Pn_Idempotency_Key="b")
        assert answer.lines == {headers.REPLAYED: "1"}
    assert gate.begun == ["x", "x"]
    await redis.aclose()
    await eventually(lambda: asyncio.all_tasks() == before)


async def test_without_redis_a_call_with_a_key_is_not_begun(
    nats: EmbeddedNats, server: EmbeddedRedis
) -> None:
    redis = await connect_redis(server.url)
    gate = Gate()
    gate.open.set()
    async with (
        serving(nats.url, echo_with(gate), redis=redis),
        raw_caller(nats.url) as caller,
    ):
        server.kill()
        answer = await caller.call("x", Pn_Idempotency_Key="k")
        assert answer.error.code is Code.UNAVAILABLE
        assert answer.lines[headers.UNHANDLED] == "1"
        assert "127.0.0.1" not in answer.error.message
        assert (await caller.call("no key")).value == "no key"
        server.start()
        assert (await caller.call("x", Pn_Idempotency_Key="k")).value == "x"
    assert gate.begun == ["no key", "x"]
    await redis.aclose()


async def test_a_redis_that_hangs_does_not_hold_the_call_for_long(
    nats: EmbeddedNats, server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_store, "_TIMEOUT", 0.1)
    redis = await connect_redis(server.url)
    async with serving(nats.url, echo_with(), redis=redis), raw_caller(nats.url) as caller:
        blocker = await connect_redis(server.url)
        blocking = asyncio.create_task(blocker.execute_command("DEBUG SLEEP", "1"))
        await asyncio.sleep(0)
        async with asyncio.timeout(5.0):
            while True:
                answer = await caller.call("x", Pn_Idempotency_Key="k")
                if headers.ERROR_CODE in answer.lines:
                    break
        assert answer.error.code is Code.UNAVAILABLE
        assert answer.lines[headers.UNHANDLED] == "1"
        await blocking
        await blocker.aclose()
    await redis.aclose()


async def test_a_method_may_say_that_calls_run_all_the_same(
    nats: EmbeddedNats, server: EmbeddedRedis
) -> None:
    redis = await connect_redis(server.url)
    gate = Gate()
    gate.open.set()
    service = echo_with(gate, idempotency=IdempotencyInfo(fail_open=True))
    async with (
        serving(nats.url, service, redis=redis) as (_, connection),
        raw_caller(nats.url) as caller,
    ):
        server.kill()
        for _ in range(2):
            assert (await caller.call("x", Pn_Idempotency_Key="k")).value == "x"
        assert b'step="begin"} 2.0' in connection.metrics.render()
    await redis.aclose()


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    nats: EmbeddedNats, server: EmbeddedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    redis = await connect_redis(server.url)
    gate = Gate()
    with caplog.at_level(logging.WARNING, "protonats"):
        async with (
            serving(nats.url, echo_with(gate), redis=redis),
            raw_caller(nats.url) as caller,
        ):
            first = caller.send("x", Pn_Idempotency_Key="k")
            await eventually(lambda: gate.running == 1)
            server.kill()
            gate.open.set()
            assert (await caller.answer(first)).value == "x"
    assert "the answer of Say was not kept" in caplog.text
    await redis.aclose()


@pytest.mark.parametrize("declared", [True, False])
async def test_a_service_that_has_no_redis(nats: EmbeddedNats, declared: bool) -> None:
    gate = Gate()
    gate.open.set()
    service = echo_with(gate, idempotency=IdempotencyInfo() if declared else None)
    async with serving(nats.url, service), raw_caller(nats.url) as caller:
        answer = await caller.call("x", Pn_Idempotency_Key="k")
    if declared:
        assert answer.error.code is Code.FAILED_PRECONDITION
        # No attempt after this one would go better.
        assert headers.UNHANDLED not in answer.lines
        assert gate.begun == []
    else:
        assert answer.value == "x"
