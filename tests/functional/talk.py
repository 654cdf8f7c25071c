"""The echo service with all its streams, for tests that need no server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable

from google.protobuf.wrappers_pb2 import StringValue

from protonats.server import CallContext
from tests.functional.echo import Echo


def text(value: str) -> StringValue:
    """A request, or a response."""
    return StringValue(value=value)


async def texts(values: Iterable[str]) -> AsyncIterator[StringValue]:
    """A stream of requests."""
    for value in values:
        yield text(value)


async def read(responses: AsyncIterable[StringValue]) -> list[str]:
    """What a stream of responses says."""
    return [response.value async for response in responses]


class Talk(Echo):
    """`watch` sends the letters of its request, `ingest` joins what it gets, `chat` answers each
    message; `never` as a request is one that has no end."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.ended = asyncio.Event()
        self.begun = asyncio.Event()

    async def _answer(self, request: StringValue, context: CallContext) -> StringValue:
        if request.value == "never":
            await self._wait()
        return request

    async def watch(self, request: StringValue, context: CallContext) -> AsyncIterator[StringValue]:
        for letter in request.value:
            yield text(letter)
        if request.value == "never":
            await self._wait()

    async def ingest(
        self, requests: AsyncIterator[StringValue], context: CallContext
    ) -> StringValue:
        return text("".join([request.value async for request in requests]))

    async def chat(
        self, requests: AsyncIterator[StringValue], context: CallContext
    ) -> AsyncIterator[StringValue]:
        async for request in requests:
            yield text(f"{request.value}!")

    async def _wait(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
