"""The handler of a streaming method at work: what it takes and what it gives."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from protonats._info import MethodKind
from protonats._streaming.receiver import Receiver
from protonats._streaming.sender import Sender
from protonats.errors import Code, StatusError
from protonats.server import CallContext

if TYPE_CHECKING:
    from protonats._serving.endpoint import Endpoint


class StreamHandler:
    """Runs the handler of one call: it reads from one direction, and writes to the other."""

    __slots__ = ("_endpoint", "_receiver", "_send_metadata", "_sender")

    def __init__(
        self,
        endpoint: Endpoint,
        receiver: Receiver[Any],
        sender: Sender,
        send_metadata: Callable[[Mapping[str, str]], None],
    ) -> None:
        """
        Args:
            endpoint: The method that is called.
            receiver: The requests.
            sender: Where the responses go.
            send_metadata: Called with the metadata of the response, ahead of the first message.
        """
        self._endpoint = endpoint
        self._receiver = receiver
        self._sender = sender
        self._send_metadata = send_metadata

    async def run(self, context: CallContext) -> None:
        """Returns when the handler has ended, or its call; its responses may not be sent yet.

        Raises:
            BaseException: What the handler raised, or does wrong.
        """
        kind = self._endpoint.method.kind
        requests: Any = self._receiver
        if kind is MethodKind.SERVER_STREAM:
            requests = await self._one_request()
        result: Any = self._endpoint.handler(requests, context)
        if kind is MethodKind.CLIENT_STREAM:
            self._check_kind(result, inspect.isawaitable(result), "a coroutine function")
            await self._send_one(await result, context)
            return
        if inspect.isawaitable(result):
            result = await result
        is_iterable = isinstance(result, AsyncIterable)
        self._check_kind(result, is_iterable, "an asynchronous generator")
        iterator = aiter(result)
        try:
            await self._send_all(iterator, context)
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()

    async def _one_request(self) -> Message:
        try:
            request: Message = await self._receiver.next()
        except StopAsyncIteration:
            text = f"{self._endpoint.method.name} takes one message, and none has come"
            raise StatusError(Code.INVALID_ARGUMENT, text) from None
        return request

    async def _send_one(self, response: Any, context: CallContext) -> None:
        self._check_response(response)
        self._before_first(context)
        if not self._sender.put(response.SerializeToString()):
            await self._sender.ready()

    async def _send_all(self, responses: AsyncIterator[Any], context: CallContext) -> None:
        put, ready, kind = self._sender.put, self._sender.ready, self._endpoint.method.response
        first = True
        async for response in responses:
            if not isinstance(response, kind):
                self._check_response(response)
            if first:
                first = False
                self._before_first(context)
            if not put(response.SerializeToString()) and not await ready():
                return
        if first:
            self._before_first(context)

    def _before_first(self, context: CallContext) -> None:
        lines = context._response_metadata
        if lines:
            self._send_metadata(lines)
        context._response_metadata_left()

    def _check_kind(self, result: Any, is_right: bool, wanted: str) -> None:
        if not is_right:
            raise TypeError(
                f"the handler of {self._endpoint.method.name} gave {type(result).__name__}, and has"
                f" to be {wanted}"
            )

    def _check_response(self, response: Any) -> None:
        method = self._endpoint.method
        if not isinstance(response, method.response):
            raise TypeError(
                f"the handler of {method.name} gave {type(response).__name__} instead of"
                f" {method.response.DESCRIPTOR.full_name}"
            )
