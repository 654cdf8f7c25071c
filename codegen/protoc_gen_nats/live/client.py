"""Calls of methods that are known at run time only, by the runtime's own client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing
from typing import Any

from google.protobuf.message import Message

from protonats._codegen import MethodInfo, MethodKind
from protonats.call_info import CallInfo
from protonats.client import Client

__all__ = ["STREAMS_OF_REQUESTS", "DynamicClient"]

STREAMS_OF_REQUESTS = (MethodKind.CLIENT_STREAM, MethodKind.BIDI_STREAM)
"""The kinds of methods that take many messages."""


class DynamicClient(Client):
    """Calls any method of any service: deadlines, retries, large messages and streams are those of
    generated clients."""

    async def call(
        self,
        method: MethodInfo[Any, Any],
        requests: AsyncIterable[Message],
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        info: CallInfo | None = None,
    ) -> AsyncGenerator[Message, None]:
        """The responses of one call, whatever kind its method is of.

        Args:
            method: What to call.
            requests: What to send; one message where the method takes no stream.
            timeout: Seconds, the method's own by default.
            metadata: What travels with the request.
            idempotency_key: What makes calls the same call.
            info: Filled in while the call runs.

        Raises:
            StatusError: The call failed.
        """
        options: dict[str, Any] = {
            "timeout": timeout,
            "metadata": metadata,
            "idempotency_key": idempotency_key,
            "info": info,
        }
        if method.kind is MethodKind.CLIENT_STREAM:
            yield await self._client_stream(method, requests, **options)
        elif method.kind is MethodKind.UNARY:
            yield await self._unary(method, await _only(requests), **options)
        else:
            if method.kind is MethodKind.BIDI_STREAM:
                stream = self._bidi_stream(method, requests, **options)
            else:
                stream = self._server_stream(method, await _only(requests), **options)
            async with aclosing(stream):
                async for response in stream:
                    yield response


async def _only(requests: AsyncIterable[Message]) -> Message:
    return await anext(aiter(requests))
