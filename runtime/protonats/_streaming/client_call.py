"""Streaming calls as a client makes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Mapping
from typing import Any, TypeVar

from google.protobuf.message import Message

from protonats._calling.opening import Opening
from protonats._calling.request import header_lines
from protonats._info import MethodInfo
from protonats._streaming.caller import CallerStream
from protonats.call_info import CallInfo
from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.response_stream import ResponseStream

ResponseT = TypeVar("ResponseT", bound=Message)


class ClientStream(ResponseStream[ResponseT]):
    """The responses of one call, which begins when they are first asked for.

    Whoever leaves it before its end, by `aclose`, by the end of the task that reads it, or by
    dropping it, cancels the call.
    """

    __slots__ = ("_loop", "_receiver", "_stream")

    def __init__(self, stream: CallerStream) -> None:
        self._stream = stream
        self._receiver = stream.receiver
        self._loop = asyncio.get_running_loop()

    async def opened(self) -> None:
        """Begins the call, if it has not begun, and returns when an instance has accepted it.

        Raises:
            BaseException: What it failed with: a status, or what the iterable of requests raised.
        """
        stream = self._stream
        try:
            if not stream.begun:
                await stream.open()
            if stream.ended and not self._receiver.queue:
                self._receiver.raise_error()
        except asyncio.CancelledError:
            stream.give_up()
            raise

    async def __anext__(self) -> ResponseT:
        receiver = self._receiver
        if receiver.queue:
            response: ResponseT = receiver.take()
            return response
        stream = self._stream
        try:
            if not stream.begun:
                await stream.open()
            response = await receiver.next()
        except asyncio.CancelledError:
            stream.give_up()
            raise
        except BaseException:
            await stream.settled()
            raise
        return response

    async def aclose(self) -> None:
        """As `ResponseStream.aclose`."""
        self._stream.give_up()
        await self._stream.settled()

    async def single(self) -> ResponseT:
        """The response of a call that has one.

        Raises:
            StatusError: INTERNAL, if it has another number of them; or what the call failed with.
        """
        response = await anext(self)
        async for _ in self:
            text = "the instance answered with more than one message"
            self._stream.abort(StatusError(Code.INTERNAL, text))
        return response

    def __del__(self) -> None:
        stream = self._stream
        if stream.begun and not stream.ended and not self._loop.is_closed():
            # The garbage collector may run in any thread.
            self._loop.call_soon_threadsafe(stream.give_up)


def open_stream(
    connection: Connection,
    method: MethodInfo[Any, ResponseT],
    requests: Message | AsyncIterable[Message],
    *,
    deadline: float | None,
    metadata: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
    info: CallInfo | None = None,
    trace: str | None = None,
    opening: Opening,
) -> ClientStream[ResponseT]:
    """A call to a method with streams; nothing is sent before its first response is asked for.

    Args:
        connection: Where to call.
        method: What to call.
        requests: The message of a server stream, else an asynchronous iterable of messages.
        deadline: When the call ends with DEADLINE_EXCEEDED, in the loop's time; None: never.
        metadata: What travels with the request.
        idempotency_key: Calls with the same key are the same call.
        info: What to fill in while the call runs.
        trace: The trace context, as a `traceparent`.
        opening: The policies for its opening, for this call alone.

    Raises:
        StatusError: INVALID_ARGUMENT, for metadata or a key that cannot travel.
    """
    return ClientStream(
        CallerStream(
            connection,
            method,
            requests,
            deadline=deadline,
            lines=header_lines(connection, metadata, idempotency_key) or {},
            info=info,
            trace=trace,
            opening=opening,
        )
    )
