"""Unary calls of a client that was written from the wire document alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import RetryInfo

from protonats.errors import Code, StatusError
from protonats.redis import connect_redis
from protonats.server import CallContext
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional.echo import Echo, dropped, eventually, serving
from tests.functional.policies import Gate
from tests.interop.node import HERE, Node, NodeError, node

pytestmark = [pytest.mark.anyio, pytest.mark.network]

VECTORS = HERE.parents[1] / "docs" / "wire-vectors"


@pytest.fixture(scope="module")
def small_nats() -> Iterator[EmbeddedNats]:
    """A server that takes messages of 16 KiB."""
    with EmbeddedNats(config="max_payload: 16KB") as server:
        yield server


async def fail(caller: Node, command: str, **arguments: object) -> NodeError:
    """The status that a command fails with."""
    with pytest.raises(NodeError) as caught:
        await caller.do(command, **arguments)
    return caught.value


async def test_the_vectors_are_read_and_written(caller: Node) -> None:
    result = await caller.do("vectors", folder=str(VECTORS))
    assert result["wrong"] == []
    assert set(result["counts"]) == {
        "call-header", "metadata", "subjects", "status", "unary", "parts", "stream",
    }  # fmt: skip
    assert min(result["counts"].values()) > 15


async def test_a_call_is_answered(caller: Node, nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()):
        answer = await caller.do("unary", operation="say", value="héllo")
        assert answer == {"response": "héllo", "metadata": {}, "trailers": {}, "replayed": False}


async def test_a_field_of_the_request_stands_in_the_subject(
    caller: Node, nats: EmbeddedNats
) -> None:
    room = {"operation": "room.{value}", "response": "google.protobuf.Struct"}
    async with serving(nats.url, Echo()):
        answer = await caller.do("unary", value="north", **room)
        assert answer["response"] == {"room": "north"}
        error = await fail(caller, "unary", value="a.b", **room)
        assert error.code == Code.INVALID_ARGUMENT


async def test_metadata_travels_both_ways(caller: Node, nats: EmbeddedNats) -> None:
    async def say(request: StringValue, context: CallContext) -> StringValue:
        context.response_metadata["served-to"] = context.metadata["tenant"]
        context.trailers["took"] = "7 ms"
        if request.value == "fail":
            raise StatusError(Code.ABORTED, "as told")
        return request

    async with serving(nats.url, Echo(say)):
        answer = await caller.do(
            "unary", operation="say", value="x", metadata={"tenant": "acme b.c"}
        )
        assert answer["metadata"] == {"served-to": "acme b.c"}
        assert answer["trailers"] == {"took": "7 ms"}
        failed = {"operation": "say", "value": "fail", "metadata": {"tenant": "a"}}
        assert (await fail(caller, "unary", **failed)).trailers == {"took": "7 ms"}
        error = await fail(caller, "unary", operation="say", value="x", metadata={"Tenant": "a"})
        assert error.code == Code.INVALID_ARGUMENT


async def test_a_status_brings_typed_details(caller: Node, nats: EmbeddedNats) -> None:
    async def say(request: StringValue, context: CallContext) -> StringValue:
        retry = RetryInfo(retry_delay=Duration(seconds=2))
        raise StatusError(Code.RESOURCE_EXHAUSTED, "two\nlines", details=[retry])

    async with serving(nats.url, Echo(say)):
        error = await fail(caller, "unary", operation="say", value="x")
        assert (error.code, error.message) == (Code.RESOURCE_EXHAUSTED, "two\nlines")
        assert error.details == [{"type": "google.rpc.RetryInfo", "retry_delay": "2s"}]
        assert not error.unhandled


async def test_an_unexpected_exception_has_an_id(caller: Node, nats: EmbeddedNats) -> None:
    async def say(request: StringValue, context: CallContext) -> StringValue:
        raise ValueError("secret")

    async with serving(nats.url, Echo(say)):
        error = await fail(caller, "unary", operation="say", value="x")
        assert error.code == Code.INTERNAL
        (detail,) = error.details
        assert (detail["type"], detail["domain"]) == ("google.rpc.ErrorInfo", "protonats")
        assert detail["reason"] == "UNHANDLED_EXCEPTION"
        assert error.message == f"internal error {detail['metadata']['error_id']}"


async def test_without_an_instance_a_call_is_unavailable(caller: Node) -> None:
    error = await fail(caller, "unary", service="svc.nobody.v1", operation="say", value="x")
    assert error.code == Code.UNAVAILABLE
    assert error.unhandled


async def test_the_deadline_travels_and_ends_the_handler(caller: Node, nats: EmbeddedNats) -> None:
    gate = Gate()
    echo = Echo(gate)
    async with serving(nats.url, echo):
        error = await fail(caller, "unary", operation="say", value="x", timeout=200)
        assert error.code == Code.DEADLINE_EXCEEDED
        await eventually(lambda: gate.cancelled == 1)
        deadline = echo.contexts[0].deadline
        assert deadline is not None
        assert deadline <= asyncio.get_running_loop().time()


async def test_a_call_that_is_given_up_is_cancelled(caller: Node, nats: EmbeddedNats) -> None:
    gate = Gate()
    async with serving(nats.url, Echo(gate)):
        call = asyncio.create_task(
            fail(caller, "unary", operation="say", value="x", name="call", timeout=60_000)
        )
        await eventually(lambda: gate.running == 1)
        await caller.do("cancel", name="call")
        assert (await call).code == Code.CANCELLED
        await eventually(lambda: gate.cancelled == 1)


@pytest.mark.parametrize("size", [16_200, 16_384, 17_000, 1_000_000])
async def test_large_messages_travel_in_parts(
    main: Path, small_nats: EmbeddedNats, size: int
) -> None:
    async def say(request: StringValue, context: CallContext) -> StringValue:
        context.response_metadata["size"] = str(len(request.value))
        return StringValue(value=request.value[::-1])

    value = "".join(f"{number:08d}" for number in range(size // 8))
    async with (
        serving(small_nats.url, Echo(say)) as (instance, connection),
        node(main, small_nats.url) as caller,
    ):
        answer = await caller.do("unary", operation="say", value=value, metadata={"user": "u-1"})
        assert answer["response"] == value[::-1]
        assert answer["metadata"] == {"size": str(len(value))}
        await eventually(lambda: not instance.in_flight)
        assert dropped(connection) == {}


async def test_a_key_makes_two_calls_one(caller: Node, nats: EmbeddedNats) -> None:
    count = 0

    async def say(request: StringValue, context: CallContext) -> StringValue:
        nonlocal count
        count += 1
        if request.value == "broke":
            raise StatusError(Code.FAILED_PRECONDITION, "no money")
        return StringValue(value=f"{request.value} {count}")

    with EmbeddedRedis() as server:
        redis = await connect_redis(server.url)
        try:
            async with serving(nats.url, Echo(say), redis=redis):
                pay = {"operation": "say", "value": "pay", "key": "order-7"}
                first = await caller.do("unary", **pay)
                again = await caller.do("unary", **pay)
                assert (first["response"], first["replayed"]) == ("pay 1", False)
                assert (again["response"], again["replayed"]) == ("pay 1", True)
                other = await fail(caller, "unary", **{**pay, "value": "pay more"})
                assert other.code == Code.INVALID_ARGUMENT
                long = await fail(caller, "unary", **{**pay, "key": "k" * 129})
                assert long.code == Code.INVALID_ARGUMENT
                for _ in range(2):
                    broke = await fail(caller, "unary", operation="say", value="broke", key="k")
                    assert (broke.code, broke.message) == (Code.FAILED_PRECONDITION, "no money")
                assert count == 2
        finally:
            await redis.aclose()


async def test_services_are_listed(caller: Node, nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()) as (one, _), serving(nats.url, Echo()) as (two, _):
        await caller.do("unary", operation="say", value="x")
        pings = await caller.do("discover", verb="ping", name="echo")
        assert {ping["id"] for ping in pings} == {one.id, two.id}
        assert pings[0]["metadata"]["protonats.protocol"] == "1"
        info, _ = await caller.do("discover", verb="info", name="echo")
        kinds = {one["name"]: one["metadata"]["protonats.kind"] for one in info["endpoints"]}
        assert kinds == {
            "say": "unary",
            "room": "unary",
            "watch": "server_stream",
            "ingest": "client_stream",
            "chat": "bidi_stream",
        }
        assert info["endpoints"][1]["subject"] == "svc.echo.v1.room.*"
        stats = await caller.do("discover", verb="stats", name="echo")
        counts = [s["endpoints"][0]["num_requests"] for s in stats]
        assert sorted(counts) == [0, 1]
