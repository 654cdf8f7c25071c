"""Creating what JetStream stores while its cluster starts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from nats.js.errors import APIError

import protonats
from protoc_gen_nats.live.stream_plan import compare
from protonats import ConfigurationError, StatusError
from protonats._jetstream_patience import patiently, until_answered
from protonats.provision import apply
from protonats.testing import EmbeddedNats

pytestmark = pytest.mark.anyio

PLAN: dict[str, Any] = {
    "streams": [{"name": "PAYMENTS", "subjects": ["evt.payment.>"], "replicas": 3}],
    "consumers": [
        {"stream": "PAYMENTS", "durable": "ledger", "filter_subjects": ["evt.payment.done.v1"]}
    ],
}


@pytest.fixture
def cluster() -> Iterator[list[EmbeddedNats]]:
    """Three servers, of which the first one runs: alone it elects no leader."""
    with ExitStack() as stack:
        ports = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        addresses = [f"127.0.0.1:{port.getsockname()[1]}" for port in ports]
    routes = ", ".join(f'"nats-route://{address}"' for address in addresses)
    servers = [
        EmbeddedNats(
            jetstream=True,
            config=f"server_name: n{number}\n"
            f"cluster {{ name: c, listen: '{address}', routes: [{routes}] }}",
        )
        for number, address in enumerate(addresses)
    ]
    try:
        servers[0].start()
        yield servers
    finally:
        for server in servers:
            server.__exit__(None, None, None)


def start(servers: list[EmbeddedNats]) -> None:
    for server in servers:
        server.start()


async def test_a_cluster_that_starts_is_waited_for(cluster: list[EmbeddedNats]) -> None:
    async with await protonats.connect(cluster[0].url) as connection:
        applied = asyncio.create_task(apply(connection.jetstream, PLAN))
        compared = asyncio.create_task(compare(connection, PLAN))
        with pytest.raises(StatusError, match="no answer"):
            await until_answered(connection, "$JS.API.STREAM.NAMES", patience=0.5)
        start(cluster[1:])

        assert [(one.name, one.action) for one in await applied] == [
            ("PAYMENTS", "created"),
            ("PAYMENTS/ledger", "created"),
        ]
        assert (await compared).unplanned == ()
        info = await connection.jetstream.stream_info("PAYMENTS")
        assert info.cluster is not None
        assert len(info.cluster.replicas or ()) == 2


async def test_more_replicas_than_servers_are_refused_in_the_end(
    cluster: list[EmbeddedNats],
) -> None:
    start(cluster[1:])
    async with await protonats.connect(cluster[0].url) as connection:
        await until_answered(connection, "$JS.API.STREAM.NAMES", patience=30)
        with pytest.raises(ConfigurationError, match="PAYMENTS: the server refuses it"):
            await apply(connection.jetstream, PLAN, replicas=5, patience=0.5)


async def test_what_time_does_not_mend_is_not_tried_again() -> None:
    tries = []

    async def refuse() -> None:
        tries.append(1)
        raise APIError(code=400, err_code=10052, description="stream name already in use")

    with pytest.raises(APIError):
        await patiently(refuse, asyncio.get_running_loop().time() + 60)

    assert len(tries) == 1


async def test_a_leader_that_is_lost_in_between_is_found_again() -> None:
    answers = [
        APIError(code=503, err_code=10008, description="JetStream system temporarily unavailable"),
        APIError(code=400, err_code=10005, description="no suitable peers for placement"),
    ]

    async def answer() -> str:
        if answers:
            raise answers.pop(0)
        return "done"

    assert await patiently(answer, asyncio.get_running_loop().time() + 60) == "done"
