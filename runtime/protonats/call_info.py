"""What a caller can learn about a call besides its response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CallInfo"]


@dataclass(slots=True)
class CallInfo:
    """Filled in while a call runs; one for each call, given to it as `info=`."""

    call_id: str = ""
    """The id of the attempt that was answered: 32 hexadecimal digits."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    """What came with the response; of a stream, ahead of its first message."""

    trailers: Mapping[str, str] = field(default_factory=dict)
    """What came with the end of the call, also of one that failed."""

    attempts: int = 0
    """How many requests were sent, hedges included."""

    instance: str = ""
    """The instance that answered, as in discovery, where it said so: streams and large messages."""

    replayed: bool = False
    """Whether the answer was kept from an earlier call with the same idempotency key."""
