"""Creates the streams, consumers and key-value buckets that a set of services needs.

    python -m protonats.provision generated/deploy/nats/jetstream.json [--replicas N]

A run may be repeated: what exists is brought to the plan, what the plan does not name is left
alone. A value that the plan leaves out or gives as null is the server's default.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from nats.errors import Error as NatsError
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from protonats._jetstream_errors import reason_of
from protonats._jetstream_patience import PATIENCE, patiently, until_answered
from protonats._plan import bucket_config, consumer_config, load_plan, number, stream_config
from protonats._process.exit import UsageError, report
from protonats._process.log import log_json
from protonats.connection import connect
from protonats.errors import Code, ConfigurationError, StatusError
from protonats.settings import ConnectionSettings

__all__ = ["Change", "apply", "main"]

_logger = logging.getLogger("protonats")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What was done for one entry of the plan."""

    kind: Literal["stream", "consumer", "bucket"]
    """What the entry is."""

    name: str
    """Its name; a consumer's is `<stream>/<durable>`."""

    action: Literal["created", "updated", "unchanged"]
    """What had to be done."""


async def apply(
    jetstream: JetStreamContext,
    plan: Mapping[str, Any],
    *,
    replicas: int | None = None,
    patience: float = PATIENCE,
) -> tuple[Change, ...]:
    """Creates or updates everything that `plan` names: streams, then consumers, then buckets.

    A cluster that starts is waited for: until then, its servers answer nothing, or refuse.

    Args:
        jetstream: `Connection.jetstream` of a user who may manage JetStream.
        plan: The content of `generated/deploy/nats/jetstream.json`.
        replicas: The replicas of every stream and bucket, in place of the plan's; 1 for a single
            server.
        patience: For how many seconds, in all, a request is repeated that JetStream did not answer,
            or that its cluster cannot do yet.

    Raises:
        ConfigurationError: The plan is malformed, or asks for what the server refuses, such as
            another retention of an existing stream; the text names the entry.
        StatusError: UNAVAILABLE, JetStream does not answer.
    """
    until = asyncio.get_running_loop().time() + patience
    changes = [
        await _stream(jetstream, "stream", entry, stream_config, replicas, until)
        for entry in plan.get("streams") or ()
    ]
    changes += [await _consumer(jetstream, entry, until) for entry in plan.get("consumers") or ()]
    changes += [
        await _stream(jetstream, "bucket", entry, bucket_config, replicas, until)
        for entry in plan.get("buckets") or ()
    ]
    return tuple(changes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Applies the plan that `arguments` name, by default `sys.argv`, to the server in NATS_URL.

    Returns:
        The exit code: those of `protonats.serve`.
    """
    log_json()
    try:
        parser = _Parser(
            prog="python -m protonats.provision",
            description="Creates or updates the streams, consumers and key-value buckets of a plan"
            " on the NATS server in the environment variable NATS_URL (nats://127.0.0.1:4222).",
        )
        parser.add_argument(
            "plan", type=Path, help="the plan, for example generated/deploy/nats/jetstream.json"
        )
        parser.add_argument(
            "--replicas",
            type=int,
            help="replicas of every stream and bucket, in place of the plan's; 1 for a single"
            " server",
        )
        options = parser.parse_args(arguments)
        try:
            plan = load_plan(options.plan)
        except OSError as error:
            raise UsageError(f"cannot read {options.plan}: {error.strerror}") from None
        asyncio.run(
            _run(ConnectionSettings.from_environment(name="provision"), plan, options.replicas)
        )
    except Exception as error:
        return report(error)
    return os.EX_OK


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.format_usage().strip()}")


async def _run(settings: ConnectionSettings, plan: Mapping[str, Any], replicas: int | None) -> None:
    async with await connect(settings) as connection:
        # nats-py waits for the answer to a request that the server does not let pass.
        await until_answered(connection, "$JS.API.STREAM.NAMES", patience=PATIENCE)
        for change in await apply(connection.jetstream, plan, replicas=replicas):
            _logger.info(change.action, extra={"kind": change.kind, "target": change.name})


async def _stream(
    jetstream: JetStreamContext,
    kind: Literal["stream", "bucket"],
    entry: Mapping[str, Any],
    build: Callable[[Mapping[str, Any]], api.StreamConfig],
    replicas: int | None,
    until: float,
) -> Change:
    with _naming(kind, entry.get("name")):
        config = build(entry)
        config.num_replicas = replicas or number(entry, "replicas")
        action = await _create_or_update(
            lambda: jetstream.stream_info(str(config.name)),
            lambda: jetstream.add_stream(config),
            lambda: jetstream.update_stream(config),
            until,
        )
    return Change(kind=kind, name=entry["name"], action=action)


async def _consumer(jetstream: JetStreamContext, entry: Mapping[str, Any], until: float) -> Change:
    name = f"{entry.get('stream')}/{entry.get('durable')}"
    with _naming("consumer", name):
        stream, config = entry["stream"], consumer_config(entry)
        action = await _create_or_update(
            lambda: jetstream.consumer_info(stream, str(config.durable_name)),
            lambda: jetstream.add_consumer(stream, config),
            lambda: jetstream.add_consumer(stream, config),
            until,
        )
    return Change(kind="consumer", name=name, action=action)


async def _create_or_update(
    read: Callable[[], Awaitable[api.StreamInfo | api.ConsumerInfo]],
    create: Callable[[], Awaitable[api.StreamInfo | api.ConsumerInfo]],
    update: Callable[[], Awaitable[api.StreamInfo | api.ConsumerInfo]],
    until: float,
) -> Literal["created", "updated", "unchanged"]:
    try:
        before = await patiently(read, until)
    except NotFoundError:
        await patiently(create, until)
        return "created"
    # Only the server knows its defaults: it is told the whole plan, and says what became of it.
    after = await patiently(update, until)
    return "unchanged" if before.config == after.config else "updated"


@contextmanager
def _naming(kind: str, name: object) -> Iterator[None]:
    """Turns the errors of one entry into errors that name it."""
    try:
        yield
    except KeyError as error:
        raise ConfigurationError(f"{kind} {name}: the plan has no {error}") from None
    except APIError as error:
        if not isinstance(error, ServiceUnavailableError):
            raise ConfigurationError(
                f"{kind} {name}: the server refuses it: {error.description}"
            ) from None
        raise _unavailable(kind, name, error) from None
    except NatsError as error:
        raise _unavailable(kind, name, error) from None
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{kind} {name}: {error}") from None


def _unavailable(kind: str, name: object, error: NatsError) -> StatusError:
    return StatusError(
        Code.UNAVAILABLE, f"{kind} {name}: JetStream does not answer: {reason_of(error)}"
    )


if __name__ == "__main__":
    sys.exit(main())
