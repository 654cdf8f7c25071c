"""Asking instances who they are, what they serve and what they have done (ADR-32)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from protonats._transport.message import Message
from protonats._wire import headers
from protonats.connection import Connection
from protonats.errors import StatusError

__all__ = ["Answered", "Verb", "ask"]

Verb = Literal["PING", "INFO", "STATS"]

_QUIET = 0.25
"""Seconds without a further answer after which there will be none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What one instance said."""

    said: Mapping[str, Any]
    """Its answer, as ADR-32 has it."""

    seconds: float
    """How long the answer took."""

    @property
    def name(self) -> str:
        """The name of its service in discovery."""
        return str(self.said.get("name", ""))

    @property
    def version(self) -> str:
        """The version of its service."""
        return str(self.said.get("version", ""))

    @property
    def instance(self) -> str:
        """Its id."""
        return str(self.said.get("id", ""))

    @property
    def full_name(self) -> str:
        """The full name of its proto service; empty for services of others."""
        metadata = self.said.get("metadata") or {}
        return str(metadata.get("protonats.service", ""))

    @property
    def endpoints(self) -> list[Mapping[str, Any]]:
        """Its endpoints, of an INFO or STATS answer."""
        return list(self.said.get("endpoints") or [])


async def ask(
    connection: Connection, verb: Verb, *, service: str = "", timeout: float = 2.0
) -> list[Answered]:
    """The answers of all instances, in the order of their services and ids.

    Args:
        connection: Where to ask.
        verb: What to ask for.
        service: Only the instances of this service, by its name in discovery.
        timeout: Seconds for the first answer. Others may come as long as they come quickly: within
            a quarter of a second, or twice the time that the slowest one took so far.

    Raises:
        StatusError: PERMISSION_DENIED, the user may not ask; UNAVAILABLE, the connection broke.
    """
    asking = _Asking(connection)
    subject = f"$SRV.{verb}.{service}" if service else f"$SRV.{verb}"
    await asking.run(subject, timeout)
    return sorted(asking.answers, key=lambda one: (one.name, one.version, one.instance))


class _Asking:
    def __init__(self, connection: Connection) -> None:
        self.answers: list[Answered] = []
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._started = 0.0
        self._news = asyncio.Event()
        self._nobody = False
        self._error: StatusError | None = None

    async def run(self, subject: str, timeout: float) -> None:
        connection, calls = self._connection, self._connection._calls
        token = connection._call_ids.next()
        calls.add_stream(token, subject, self._receive, self._fail)
        try:
            self._started = self._loop.time()
            connection._transport.publish(subject, b"", reply=calls.reply_subject(token))
            pause = timeout
            while not self._nobody and await self._heard_within(pause):
                slowest = max((one.seconds for one in self.answers), default=0.0)
                pause = max(_QUIET, 2 * slowest)
        finally:
            calls.remove(token)
        if self._error is not None:
            raise self._error

    async def _heard_within(self, seconds: float) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return self._error is None

    def _receive(self, message: Message) -> None:
        seconds = self._loop.time() - self._started
        if message.status == headers.NO_RESPONDERS:
            self._nobody = True
        else:
            try:
                said = json.loads(message.body)
            except ValueError:
                return
            if isinstance(said, dict):
                self.answers.append(Answered(said=said, seconds=seconds))
        self._news.set()

    def _fail(self, error: StatusError) -> None:
        self._error = error
        self._news.set()
