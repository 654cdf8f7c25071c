"""Telling the instances that nobody waits for a call any more: section 6 of the wire protocol."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from protonats._transport.transport import Transport
from protonats._wire import call, subjects
from protonats.errors import StatusError

_CALLS = "svc."


def cancel(transport: Transport, subject: str, call_id: str) -> None:
    """Cancels a call, also while its connection drains.

    Args:
        transport: Where to send.
        subject: What the call, or a part of it, was sent to.
        call_id: The id of the call.
    """
    # Without a connection, the deadline is the bound.
    with suppress(StatusError):
        transport.publish(
            subjects.service_prefix(subject) + "_cancel",
            b"",
            block=call.encode_block(call_id, 0, None),
        )


def cancel_all(transport: Transport, waiting: Iterable[tuple[str, str]]) -> None:
    """Cancels the calls among the requests that wait for an answer.

    Args:
        transport: Where to send.
        waiting: Of each request the last token of its reply subject, which is the call id, and its
            subject; the parts of a large message have the call id in that.
    """
    calls: dict[str, str] = {}
    for token, subject in waiting:
        if subject.startswith(_CALLS):
            rest = subject[len(subjects.service_prefix(subject)) :]
            call_id = rest.rpartition(".")[2] if rest.startswith("_i.") else token
            calls[call_id] = subject
    for call_id, subject in calls.items():
        cancel(transport, subject, call_id)
