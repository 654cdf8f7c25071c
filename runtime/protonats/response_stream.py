"""The responses of a streaming call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import TypeVar

__all__ = ["ResponseStream"]

ResponseT_co = TypeVar("ResponseT_co", covariant=True)


class ResponseStream(AsyncIterator[ResponseT_co], ABC):
    """Iterates over the responses of one call, which begins when the first one is asked for.

    Leaving the loop before its end cancels the call as soon as the stream is forgotten; `aclose`
    does so now:

        async with contextlib.aclosing(clock.ticks(request)) as ticks:
            async for tick in ticks:
                ...
    """

    @abstractmethod
    async def aclose(self) -> None:
        """Cancels the call unless it has ended, and returns when no more requests are read; one
        second later at most, with a warning, where their iterable does not end."""


class _Intercepted(ResponseStream[ResponseT_co]):
    """What an interceptor made of a stream."""

    def __init__(self, responses: AsyncIterator[ResponseT_co]) -> None:
        self._responses = responses

    async def __anext__(self) -> ResponseT_co:
        return await anext(self._responses)

    async def aclose(self) -> None:
        close = getattr(self._responses, "aclose", None)
        if close is not None:
            await close()


def stream_of(responses: AsyncIterator[ResponseT_co]) -> ResponseStream[ResponseT_co]:
    """The iterator as a stream, which it may be already."""
    return responses if isinstance(responses, ResponseStream) else _Intercepted(responses)
