"""What the errors of nats-py's JetStream client say, in words for people."""

from __future__ import annotations

from nats.errors import Error as NatsError
from nats.js.errors import ServiceUnavailableError

__all__ = ["is_silent", "reason_of"]


def is_silent(error: NatsError) -> bool:
    """Whether nobody answers for JetStream at all: nats-py makes of it an error without a text."""
    return isinstance(error, ServiceUnavailableError) and not error.description


def reason_of(error: NatsError) -> str:
    """Why JetStream does not do what was asked."""
    if is_silent(error):
        return "it is off for this account or server, or not up yet"
    text = getattr(error, "description", None) or str(error) or type(error).__name__
    return str(text).removeprefix("nats: ")
