"""A service that answers as a test tells it to: bytes on a socket, and a record of what came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import RetryInfo as RetryDelay

from protonats._info import Idempotency, MethodInfo, MethodKind, RetryInfo
from protonats._wire import headers, status
from protonats.client import Client
from protonats.connection import connect
from protonats.errors import Code, StatusError
from protonats.settings import BreakerSettings, ConnectionSettings
from tests.functional.raw_nats import RawMessage, RawNats, raw_nats

SUBJECT = "svc.shop.v1.buy"

Answer = tuple[bytes, bytes] | None
"""Header block and body; None: no answer at all."""


def buy(
    *,
    idempotent: bool = False,
    retry: RetryInfo | None = None,
    timeout: float | None = 5.0,
    **more: Any,
) -> MethodInfo[StringValue, StringValue]:
    """The shop's method; pauses between attempts are short."""
    return MethodInfo(
        service="acme.shop.v1.ShopService",
        name="Buy",
        python_name="buy",
        subject=SUBJECT,
        kind=MethodKind.UNARY,
        request=StringValue,
        response=StringValue,
        timeout=timeout,
        idempotency_level=Idempotency.IDEMPOTENT if idempotent else Idempotency.UNKNOWN,
        retry=retry or RetryInfo(initial_backoff=0.01),
        **more,
    )


def ok(text: str = "", lines: Mapping[str, str] | None = None) -> Answer:
    """A response."""
    return headers.encode(lines or {}), StringValue(value=text).SerializeToString()


def failure(code: Code, *, unhandled: bool = False, delay: float | None = None) -> Answer:
    """A status."""
    details = []
    if delay is not None:
        details.append(RetryDelay())
        details[0].retry_delay.FromMilliseconds(int(delay * 1000))
    lines, body = status.encode(StatusError(code, "as told", details=details))
    if unhandled:
        lines[headers.UNHANDLED] = "1"
    return headers.encode(lines), body


class Shop:
    """The service.

    Attributes:
        requests: The requests that came.
        cancelled: The ids of the calls that were cancelled.
        reply: Tells the answer to a request, by its number from 1 on.
    """

    def __init__(self, reply: Callable[[int], Answer], raw: RawNats) -> None:
        self.requests: list[RawMessage] = []
        self.cancelled: list[str] = []
        self.reply = reply
        self._raw = raw

    @property
    def calls(self) -> list[str]:
        """The values of the call headers that came."""
        return [call_header(request) for request in self.requests]

    async def run(self) -> None:
        while True:
            message = await self._raw.receive(timeout=60.0)
            if message.subject.endswith("._cancel"):
                assert message.body == b""
                assert message.reply == ""
                self.cancelled.append(call_header(message)[3:35])
                continue
            self.requests.append(message)
            self.answer(len(self.requests), self.reply(len(self.requests)))

    def answer(self, number: int, answer: Answer) -> None:
        """Answers a request, by its number."""
        if answer is not None:
            block, body = answer
            self._raw.publish(self.requests[number - 1].reply, body, headers=block)


def call_header(message: RawMessage) -> str:
    """The value of `Pn-Call`."""
    return headers.decode(message.headers).lines[headers.CALL]


@asynccontextmanager
async def shop(url: str, *answers: Answer) -> AsyncIterator[Shop]:
    """A shop that gives these answers in turn, the last one again and again."""
    async with raw_nats(url) as raw:
        await raw.subscribe(SUBJECT)
        await raw.subscribe("svc.shop.v1._cancel")
        served = Shop(lambda number: answers[min(number, len(answers)) - 1], raw)
        task = asyncio.create_task(served.run())
        try:
            yield served
        finally:
            task.cancel()
            await asyncio.wait((task,))


@asynccontextmanager
async def customer(
    url: str, *, breaker: BreakerSettings | None = None, **options: Any
) -> AsyncIterator[Client]:
    """A client on a connection of its own, without a breaker unless told."""
    settings = ConnectionSettings(servers=(url,), name="customer", breaker=breaker)
    async with await connect(settings) as connection:
        yield Client(connection, **options)


def metric(client: Client, name: str, **labels: str) -> float:
    """The sum of a metric of the client's connection, over all samples with these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in client._connection.metrics.render().decode().splitlines()
        if line.startswith(f"protonats_{name}{{") and all(text in line for text in wanted)
    )
