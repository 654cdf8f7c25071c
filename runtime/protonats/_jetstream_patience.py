"""Asking JetStream again while its cluster starts: a leader is not elected yet, or servers are
missing. A request of that moment is refused, or never answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import APIError

from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats.connection import Connection

__all__ = ["PATIENCE", "patiently", "until_answered"]

T = TypeVar("T")

PATIENCE: Final = 30.0
"""Seconds for a cluster to be there: an election takes some seconds, a server that starts too."""

_PAUSE: Final = 0.25
_ONE_ANSWER: Final = 2.0
"""Seconds after which a request counts as lost, where the next one may find a leader."""

_PASSING: Final = frozenset({10005, 10008, 10009})
"""Numbers of the server's errors (nats-server, errors.json): too few servers for the replicas, no
leader, no leader any more."""


async def until_answered(connection: Connection, subject: str, *, patience: float) -> None:
    """Asks JetStream until somebody answers, whatever it is.

    Args:
        connection: Of a user who may ask.
        subject: What to ask, such as `$JS.API.STREAM.LIST`: reading, and without a body.
        patience: For how many seconds.

    Raises:
        StatusError: DEADLINE_EXCEEDED, nobody has answered; PERMISSION_DENIED, at once;
            UNAVAILABLE, the connection broke.
    """
    now = asyncio.get_running_loop().time
    end = now() + patience
    while True:
        try:
            await connection._request(subject, b"", b"", min(end, now() + _ONE_ANSWER))
            return
        except StatusError as error:
            if error.code is not Code.DEADLINE_EXCEEDED or now() >= end:
                raise


async def patiently(act: Callable[[], Awaitable[T]], until: float) -> T:
    """What `act` returns, which may be done again, and is while the cluster is not ready for it.

    Args:
        act: A request to JetStream that does no harm when it is repeated.
        until: Until when to try, in the event loop's time.

    Raises:
        nats.errors.Error: That of the last try, or the first one that time does not mend.
    """
    now = asyncio.get_running_loop().time
    while True:
        try:
            return await act()
        except (NatsTimeoutError, APIError) as error:
            if now() >= until:
                raise
            if isinstance(error, APIError) and error.err_code not in _PASSING:
                raise
        await asyncio.sleep(_PAUSE)
