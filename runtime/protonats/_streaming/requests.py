"""The messages that a caller sends: read from the user's iterable in a task of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, Final

from google.protobuf.message import Message

from protonats._streaming.sender import Sender
from protonats.errors import Code, StatusError

_logger = logging.getLogger("protonats")

_PATIENCE: Final = 1.0
"""Seconds for which the end of a call waits for an iterable that was cancelled."""


class Requests:
    """Sends what an iterable yields; begins with `start`.

    Attributes:
        first: The first message; None until it is known, and where there is none.
        body: Its bytes.
        known: Whether it is known, or that there is none.
    """

    def __init__(
        self,
        source: AsyncIterable[Message],
        message: type[Message],
        sender: Sender,
        *,
        method: str,
        on_end: Callable[[], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        """
        Args:
            source: The user's messages.
            message: Their class.
            sender: Where they go.
            method: The name of the method, for logs.
            on_end: Called when all of them are sent.
            on_error: Called with what the iterable raises.
        """
        self.first: Message | None = None
        self.body = b""
        self.known = False
        self._source = source
        self._type = message
        self._sender = sender
        self._method = method
        self._on_end = on_end
        self._on_error = on_error
        loop = asyncio.get_running_loop()
        self._known: asyncio.Future[None] = loop.create_future()
        self._open: asyncio.Future[bool] = loop.create_future()
        self._task: asyncio.Task[None] | None = None
        self._given_up = False

    def start(self) -> None:
        """Begins to read: the first message only, until `go`."""
        self._task = asyncio.create_task(self._run())

    async def await_first(self) -> None:
        """Returns when the first message is known, or that there is none, or nobody asks for it any
        more."""
        await self._known

    def go(self, *, carried: bool) -> None:
        """Sends everything, or everything but the first message, if the request carried it."""
        if not self._open.done():
            self._open.set_result(carried)

    def cancel(self) -> None:
        """Reads no more, and closes the iterable."""
        self._know()
        # For an iterable that yields although it was cancelled.
        self._open.cancel()
        task = self._task
        if task is not None and task is not _current_task():
            task.cancel()

    async def settled(self) -> None:
        """Returns when the iterable is left, and for one that goes on although it was cancelled
        after a second, with a warning."""
        task = self._task
        if task is None or task.done() or task is _current_task() or self._given_up:
            return
        await asyncio.wait((task,), timeout=_PATIENCE)
        if not task.done():
            self._given_up = True
            _logger.warning(
                "the call of %s has ended, and its requests go on %g s later: %s does not end"
                " although it was cancelled",
                self._method,
                _PATIENCE,
                _name_of(self._source),
            )

    async def _run(self) -> None:
        iterator: AsyncIterator[Message] | None = None
        try:
            iterator = aiter(self._source)
            await self._send(iterator)
        except asyncio.CancelledError as error:
            # As a rule the call has ended, and nobody listens any more. Whoever reads the responses
            # was not cancelled.
            failure = StatusError(Code.CANCELLED, "the requests ended with CancelledError")
            failure.__cause__ = error
            self._on_error(failure)
            raise
        except BaseException as error:
            self._on_error(error)
        finally:
            self._know()
            if iterator is not None:
                await self._close(iterator)

    async def _send(self, iterator: AsyncIterator[Message]) -> None:
        sender, kind = self._sender, self._type
        try:
            self.first = _checked(await anext(iterator), kind)
            self.body = self.first.SerializeToString()
        except StopAsyncIteration:
            pass
        self.known = True
        self._know()
        carried = await self._open
        if self.first is not None:
            if not carried and not sender.put(self.body) and not await sender.ready():
                return
            self.body = b""
            async for request in iterator:
                if not isinstance(request, kind):
                    _checked(request, kind)
                if not sender.put(request.SerializeToString()) and not await sender.ready():
                    return
        sender.flush()
        self._on_end()

    def _know(self) -> None:
        if not self._known.done():
            self._known.set_result(None)

    async def _close(self, iterator: AsyncIterator[Message]) -> None:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            try:
                await close()
            except Exception:
                _logger.exception("the iterator of requests cannot be closed")


def _checked(request: Any, kind: type[Message]) -> Message:
    if not isinstance(request, kind):
        raise TypeError(
            f"the requests are {kind.DESCRIPTOR.full_name}, not {type(request).__name__}"
        )
    return request


def _name_of(source: object) -> str:
    """What a person knows an iterable by: the function of a generator, else its class."""
    name = getattr(source, "__qualname__", None)
    return name if isinstance(name, str) else type(source).__qualname__


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
