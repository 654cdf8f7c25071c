"""Finding a durable consumer on the server, and what holds for it there."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from nats.errors import Error as NatsError
from nats.js import api
from nats.js.errors import NotFoundError

from protonats._consuming.delivery import DeliveryPolicy
from protonats._info import ConsumerInfo
from protonats._jetstream_errors import reason_of
from protonats._missing_stream import PROVISION
from protonats._publishing import filter_subject
from protonats._wire import subjects
from protonats.connection import Connection
from protonats.errors import Code, StatusError

_logger = logging.getLogger("protonats")

_ACK_WAIT: Final = 30.0
_FIRST_PAUSE: Final = 0.1
_LAST_PAUSE: Final = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Binding:
    """A durable consumer as the server has it."""

    stream: str
    """The stream that it reads."""

    policy: DeliveryPolicy
    """What becomes of a message whose handler fails."""

    ack_wait: float
    """Seconds after which an unanswered message is delivered again."""

    max_ack_pending: int | None
    """How many messages may be unanswered at once, over all instances; None: without limit."""


async def bind(connection: Connection, info: ConsumerInfo, *, startup_timeout: float) -> Binding:
    """Reads the stream and the consumer from the server.

    A cluster that has just started elects its leaders first: a JetStream that does not answer is
    asked again for `startup_timeout` seconds.

    Raises:
        StatusError: FAILED_PRECONDITION where stream or consumer are missing or do not fit, with
            the command that creates them; UNAVAILABLE if JetStream does not answer.
        ConfigurationError: The consumer's metadata is malformed.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + startup_timeout
    pause = _FIRST_PAUSE
    while True:
        try:
            return await _read(connection, info)
        except NatsError as error:
            reason = reason_of(error)
        if loop.time() + pause >= end:
            raise StatusError(
                Code.UNAVAILABLE, f"consumer {info.durable}: JetStream does not answer: {reason}"
            )
        _logger.warning(
            "consumer %s: JetStream does not answer, next attempt in %g s: %s",
            info.durable,
            pause,
            reason,
        )
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LAST_PAUSE)


async def _read(connection: Connection, info: ConsumerInfo) -> Binding:
    filters = [filter_subject(handler.event) for handler in info.handlers]
    streams = [await _stream_of(connection, info, subject) for subject in filters]
    if len(set(streams)) > 1:
        raise _misfit(info, f"its events are in the streams {', '.join(sorted(set(streams)))}")
    stream = streams[0]
    try:
        found = await connection.jetstream.consumer_info(stream, info.durable)
    except NotFoundError:
        raise StatusError(
            Code.FAILED_PRECONDITION,
            f"there is no consumer {info.durable} in stream {stream}: create it with `{PROVISION}`",
        ) from None
    config: api.ConsumerConfig = found.config
    _check(info, config, filters)
    limit = config.max_ack_pending
    return Binding(
        stream=stream,
        policy=DeliveryPolicy.from_metadata(config.metadata),
        ack_wait=config.ack_wait or _ACK_WAIT,
        max_ack_pending=limit if limit is not None and limit > 0 else None,
    )


async def _stream_of(connection: Connection, info: ConsumerInfo, subject: str) -> str:
    try:
        return await connection.jetstream.find_stream_name_by_subject(subject)
    except NotFoundError:
        raise StatusError(
            Code.FAILED_PRECONDITION,
            f"consumer {info.durable}: no stream stores {subject}: create it with `{PROVISION}`",
        ) from None


def _check(info: ConsumerInfo, config: api.ConsumerConfig, filters: list[str]) -> None:
    if config.deliver_subject:
        raise _misfit(info, "it is a push consumer, and has to be a pull consumer")
    if config.ack_policy != api.AckPolicy.EXPLICIT:
        raise _misfit(info, f"its ack policy is {config.ack_policy}, and has to be explicit")
    if config.max_deliver is not None and config.max_deliver > 0:
        raise _misfit(
            info,
            f"its max_deliver is {config.max_deliver} and has to be -1, the limit is the runtime's",
        )
    known = config.filter_subjects or ([config.filter_subject] if config.filter_subject else [">"])
    for wanted in filters:
        if not any(subjects.matches(pattern, wanted) for pattern in known):
            raise _misfit(info, f"it does not receive {wanted}")


def _misfit(info: ConsumerInfo, reason: str) -> StatusError:
    return StatusError(
        Code.FAILED_PRECONDITION,
        f"consumer {info.durable} does not fit its schema: {reason}; mend it with `{PROVISION}`",
    )
