"""Where the answers to calls with an idempotency key are kept."""

from __future__ import annotations

import enum
from typing import Protocol

from protonats._wire.idempotency import KeyedRequest
from protonats.errors import ProtonatsError


class StoreUnavailable(ProtonatsError):
    """The store of answers does not answer."""


class Begun(enum.Enum):
    """What the record of a call says when it is to begin."""

    BEGUN = "begun"
    """It is the first, and it runs now."""

    RUNNING = "running"
    """The first one runs."""

    DONE = "done"
    """The first one is done, and its answer is here."""

    DIFFERS = "differs"
    """The first one asked for something else."""


class AnswerStore(Protocol):
    """Where answers are kept. Each method raises `StoreUnavailable`."""

    @property
    def renewal(self) -> float:
        """Seconds after which a call that runs has to be renewed."""
        ...

    async def begin(self, call: KeyedRequest, owner: str, ttl: float) -> tuple[Begun, bytes]:
        """Makes `owner` the one who runs the call, unless another one has run it, or runs it and is
        alive; says which, and gives the answer of one that is done."""
        ...

    async def renew(self, call: KeyedRequest, owner: str, ttl: float) -> bool:
        """Says that the owner is alive; False if another one runs the call meanwhile."""
        ...

    async def finish(self, call: KeyedRequest, owner: str, answer: bytes, ttl: float) -> bool:
        """Keeps the answer for `ttl` seconds; False if another one runs the call meanwhile."""
        ...

    async def release(self, call: KeyedRequest, owner: str) -> None:
        """Lets the next one run the call."""
        ...
