"""What a plan of streams, consumers and buckets would change on a server.

`protonats.provision` makes the changes; this tells them beforehand, by the same configurations.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, Literal, TypeAlias

from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.live.stream_losses import losses_of_consumer, losses_of_stream
from protoc_gen_nats.words import counted
from protonats._jetstream_patience import PATIENCE, patiently, until_answered
from protonats._plan import bucket_config, consumer_config, number, stream_config
from protonats.connection import Connection

__all__ = ["Action", "Change", "Comparison", "Difference", "compare"]

Kind: TypeAlias = Literal["stream", "consumer", "bucket"]
Entry: TypeAlias = Mapping[str, Any]

_DEFAULT_DUPLICATES = 120.0
_STREAM_DEFAULTS: Mapping[str, Any] = {"num_replicas": 1}
_CONSUMER_DEFAULTS: Mapping[str, Any] = {
    "ack_wait": 30.0,
    "deliver_policy": "all",
    "max_waiting": 512,
    "replay_policy": "instant",
}


class Action(enum.StrEnum):
    """What is to be done for one entry."""

    CREATE = "create"
    UPDATE = "update"
    RECREATE = "recreate"
    DELETE = "delete"
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One setting that is to be another one."""

    setting: str
    before: Any
    """None: it is new, or was the server's default."""

    after: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is to be done for one stream, consumer or bucket."""

    kind: Kind
    name: str
    """Its name; a consumer's is `<stream>/<durable>`."""

    action: Action
    differences: tuple[Difference, ...] = ()
    losses: tuple[str, ...] = ()
    """What is lost by it; none: it is safe."""

    impossible: tuple[str, ...] = ()
    """What the server cannot change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A plan beside what is on the server."""

    changes: tuple[Change, ...]
    unplanned: tuple[str, ...]
    """Streams that the plan does not name; they are left alone."""

    @property
    def pending(self) -> list[Change]:
        """What is to be done."""
        return [change for change in self.changes if change.action is not Action.NOTHING]


async def compare(
    connection: Connection,
    plan: Mapping[str, Any],
    *,
    replicas: int | None = None,
    delete: Sequence[str] = (),
) -> Comparison:
    """Compares a plan with a server, and changes nothing.

    Args:
        connection: Of a user who may read what JetStream has.
        plan: The content of `generated/deploy/nats/jetstream.json`.
        replicas: The replicas of every stream and bucket, in place of the plan's.
        delete: Streams to delete; those that the plan names are created anew.

    Raises:
        UserError: The plan is malformed, or `delete` names a stream that does not exist.
        StatusError: PERMISSION_DENIED, the user may not read what JetStream has; DEADLINE_EXCEEDED,
            nobody answers, also not once a cluster that starts should be there.
        nats.errors.Error: JetStream does not answer.
    """
    # nats-py would wait some seconds for the answer to a request that the server refuses.
    until = asyncio.get_running_loop().time() + PATIENCE
    await until_answered(connection, "$JS.API.STREAM.LIST", patience=PATIENCE)
    jetstream = connection.jetstream
    listed = await patiently(jetstream.streams_info, until)
    present = {str(info.config.name): info for info in listed}
    if missing := sorted(set(delete) - set(present)):
        raise UserError.of(f"there is no stream {', '.join(missing)} to delete")
    changes = []
    for kind, entry, build in _entries(plan):
        config = _built(kind, entry, build)
        config.num_replicas = replicas or number(entry, "replicas")
        found = present.pop(str(config.name), None)
        again = config.name in delete
        changes.append(await _stream_change(jetstream, kind, entry["name"], config, found, again))
    created = {one.name for one in changes if one.action in (Action.CREATE, Action.RECREATE)}
    for entry in plan.get("consumers") or ():
        wanted = _built("consumer", entry, consumer_config)
        changes.append(await _consumer_change(jetstream, entry, wanted, created))
    for name in delete:
        if name in present:
            text = _content(present.pop(name))
            changes.append(Change(kind="stream", name=name, action=Action.DELETE, losses=(text,)))
    return Comparison(changes=tuple(changes), unplanned=tuple(sorted(present)))


Build: TypeAlias = Callable[[Entry], Any]


def _entries(plan: Mapping[str, Any]) -> Iterator[tuple[Kind, Entry, Build]]:
    for entry in plan.get("streams") or ():
        yield "stream", entry, stream_config
    for entry in plan.get("buckets") or ():
        yield "bucket", entry, bucket_config


def _built(kind: Kind, entry: Entry, build: Build) -> Any:
    name = entry.get("name") or entry.get("durable")
    try:
        return build(entry)
    except KeyError as error:
        raise UserError.of(f"{kind} {name}: the plan has no {error}") from None
    except (TypeError, ValueError) as error:
        raise UserError.of(f"{kind} {name}: {error}") from None


async def _stream_change(
    jetstream: JetStreamContext,
    kind: Kind,
    name: str,
    wanted: api.StreamConfig,
    found: api.StreamInfo | None,
    again: bool,
) -> Change:
    defaults = dict(_STREAM_DEFAULTS)
    longest = wanted.max_age or _DEFAULT_DUPLICATES
    defaults["duplicate_window"] = min(_DEFAULT_DUPLICATES, longest)
    if found is None or again:
        action = Action.RECREATE if found else Action.CREATE
        losses = (_content(found),) if found else ()
        settings = tuple(_settings(wanted))
        return Change(kind=kind, name=name, action=action, differences=settings, losses=losses)
    differences = tuple(_differences(found.config, wanted, defaults))
    lost, impossible = await losses_of_stream(jetstream, found, wanted)
    return Change(
        kind=kind,
        name=name,
        action=Action.UPDATE if differences else Action.NOTHING,
        differences=differences,
        losses=tuple(lost),
        impossible=tuple(impossible),
    )


async def _consumer_change(
    jetstream: JetStreamContext, entry: Entry, wanted: api.ConsumerConfig, created: set[str]
) -> Change:
    if "stream" not in entry:
        raise UserError.of(f"consumer {wanted.durable_name}: the plan has no 'stream'")
    stream, durable = str(entry["stream"]), str(wanted.durable_name)
    name = f"{stream}/{durable}"
    try:
        found = None if stream in created else await jetstream.consumer_info(stream, durable)
    except NotFoundError:
        found = None
    if found is None:
        settings = tuple(_settings(wanted))
        return Change(kind="consumer", name=name, action=Action.CREATE, differences=settings)
    differences = tuple(_differences(found.config, wanted, _CONSUMER_DEFAULTS))
    return Change(
        kind="consumer",
        name=name,
        action=Action.UPDATE if differences else Action.NOTHING,
        differences=differences,
        losses=tuple(losses_of_consumer(found, wanted)) if differences else (),
    )


def _content(info: api.StreamInfo) -> str:
    messages, consumers = info.state.messages, info.state.consumer_count
    return f"it is deleted with {counted(messages, 'message')}, {counted(consumers, 'consumer')}"


_HIDDEN = frozenset(
    {
        "ack_policy",
        "allow_direct",
        "allow_msg_ttl",
        "allow_rollup_hdrs",
        "deliver_policy",
        "deny_delete",
        "discard",
        "durable_name",
        "max_deliver",
        "name",
        "replay_policy",
    }
)
"""What is the same in every plan, or stands in the name of the entry."""


def _settings(config: Any) -> Iterator[Difference]:
    for one in fields(config):
        value = _plain(one.name, getattr(config, one.name), {})
        if value is not None and one.name not in _HIDDEN:
            yield Difference(setting=one.name, before=None, after=value)


def _differences(found: Any, wanted: Any, defaults: Mapping[str, Any]) -> Iterator[Difference]:
    """What an update would change: what the plan does not say becomes the server's default."""
    for one in fields(wanted):
        before = _plain(one.name, getattr(found, one.name, None), defaults)
        after = _plain(one.name, getattr(wanted, one.name), defaults)
        if before != after:
            yield Difference(setting=one.name, before=before, after=after)


def _plain(name: str, value: Any, defaults: Mapping[str, Any]) -> Any:
    """A setting as it is compared; None is the server's default."""
    if isinstance(value, enum.Enum):
        value = value.value
    if is_dataclass(value) and not isinstance(value, type):
        value = {key: text for key, text in asdict(value).items() if text is not None}
    if isinstance(value, dict):
        value = {key: text for key, text in value.items() if not key.startswith("_nats.")}
    if isinstance(value, list) and name != "backoff":
        value = sorted(value) if all(isinstance(item, str) for item in value) else value
    if not value or value in (-1, "none", "file", "limits", "old", "default"):
        value = None
    return defaults.get(name) if value is None else value
