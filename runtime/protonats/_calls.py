"""Calls that wait for their answer."""

from __future__ import annotations

import asyncio

from protonats._transport.message import Message
from protonats.errors import Code, StatusError

Answer = Message | StatusError
"""What ends the wait: a message, or the reason why none will come."""


class PendingCalls:
    """The calls of one connection, by the token that their reply subject ends in."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._calls: dict[str, tuple[str, asyncio.Future[Answer]]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._calls)

    def reply_subject(self, token: str) -> str:
        """Where the answer to the call `token` is expected."""
        return self._prefix + token

    def add(self, token: str, subject: str) -> asyncio.Future[Answer]:
        """Notes a call to `subject`, and returns the future of its answer."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._calls[token] = (subject, future)
        self._idle.clear()
        return future

    def remove(self, token: str) -> None:
        """Forgets a call: a later answer is ignored."""
        self._calls.pop(token, None)
        if not self._calls:
            self._idle.set()

    def answer(self, message: Message) -> None:
        """Ends the call that a message of the inbox answers, if it still waits."""
        call = self._calls.get(message.subject[len(self._prefix) :])
        if call is not None:
            _finish(call[1], message)

    def fail_all(self, code: Code, text: str) -> None:
        """Ends every call with a status."""
        for _, future in self._calls.values():
            _finish(future, StatusError(code, text))

    def deny(self, subject: str) -> None:
        """Ends the calls to a subject, in lower case, with PERMISSION_DENIED."""
        for token, (called, future) in self._calls.items():
            if subject in (called.lower(), self.reply_subject(token).lower()):
                text = f"the NATS server does not let this user publish to {called}"
                _finish(future, StatusError(Code.PERMISSION_DENIED, text))

    async def idle(self) -> None:
        """Returns when no call waits."""
        await self._idle.wait()


def _finish(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
