"""One change of state, and the events that tell of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from google.protobuf.message import Message
from redis.commands.core import AsyncCoreCommands

from protonats._info import EventInfo
from protonats._outbox.keys import hash_tag, keys_of
from protonats._outbox.partitions import Partition
from protonats._publishing import Outgoing, prepare
from protonats._scripts import FAILURES, Argument, Script
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats.connection import Connection
    from protonats.redis import AnyRedis

EventT = TypeVar("EventT", bound=Message)

_TIMEOUT: Final = 5.0
_COMMIT_SECONDS: Final = 600

# Lua hands the words of a command over on its stack, which has room for about 8,000.
_MAX_WORDS: Final = 7000

# The client may send it twice, when it does not know whether the first one has arrived.
_APPLY: Final = Script("""
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end
local function command()
  local words = {}
  for i = 1, tonumber(take()) do words[i] = take() end
  return words
end
local seconds = take()
for i = 1, tonumber(take()) do
  local expected = take()
  local got = redis.call(unpack(command()))
  if got == false then
    got = '-'
  elseif type(got) == 'number' then
    got = '=' .. string.format('%.0f', got)
  else
    got = '=' .. tostring(got)
  end
  if got ~= expected then return i end
end
for i = 1, tonumber(take()) do redis.call(unpack(command())) end
redis.call('SET', KEYS[2], '', 'EX', seconds)
for i = 1, tonumber(take()) do redis.call('XADD', KEYS[1], '*', unpack(command())) end
return 0
""")


class Commands(AsyncCoreCommands):
    """The commands of redis-py, which are noted and run later, together. They give no answers, and
    are not awaited."""

    _is_async_client: Literal[True] = True
    _event_dispatcher: Any = None

    def __init__(self, partition: Partition, encoder: Any) -> None:
        self._partition = partition
        self._encoder = encoder
        self._noted: list[list[bytes]] = []

    def execute_command(self, *words: Any, **options: Any) -> None:
        """Notes a command.

        Raises:
            StatusError: INVALID_ARGUMENT, one of its keys is not one of the change;
                RESOURCE_EXHAUSTED, it has too many words.
        """
        self._noted.append(self._encode(*words))

    def _encode(self, *words: Any) -> list[bytes]:
        name, *arguments = words
        # Redis-py writes commands of two words as one.
        encoded = [part.encode() for part in name.split()]
        encoded += [self._encoder.encode(word) for word in arguments]
        if len(encoded) > _MAX_WORDS:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"{name} has {len(encoded)} words, and {_MAX_WORDS} are allowed: write it as"
                " several commands",
            )
        words_of_name = len(name.split())
        tag = self._partition.hash_tag
        for key in keys_of(encoded[0], encoded[words_of_name:]) or [b""]:
            if hash_tag(key) != tag:
                raise StatusError(
                    Code.INVALID_ARGUMENT,
                    f"a key of {name} is {key.decode(errors='replace')!r}: in a change it is made"
                    " by change.key(…), so that all keys are in one hash slot",
                )
        return encoded


class Change:
    """A change of the state of one entity, made by `Outbox.change`. Nothing is written before its
    block ends, and nothing at all if the block raises.

    Attributes:
        redis: What is to be written: the commands of redis-py, without `await`. Their keys are made
            by `key`.
    """

    def __init__(
        self, connection: Connection, redis: AnyRedis, partition: Partition, entity_id: str
    ) -> None:
        self.redis = Commands(partition, redis.get_encoder())
        self._connection = connection
        self._client = redis
        self._partition = partition
        self._entity_id = entity_id
        self._id = secrets.token_hex(16)
        self._expected: list[tuple[bytes, list[bytes]]] = []
        self._events: list[tuple[str, Outgoing]] = []

    def key(self, kind: str, entity_id: str | None = None) -> str:
        """The key of some state, as `Outbox.key` makes it.

        Args:
            kind: What state it is, for example `quest`.
            entity_id: Another entity than that of the change; it has to be in the same partition.
        """
        return self._partition.key(kind, self._entity_id if entity_id is None else entity_id)

    def expect(self, value: str | bytes | float | None, command: str, *arguments: Any) -> None:
        """Makes the change only if a command that reads answers so at that moment.

            change.expect(version, "HGET", change.key("quest"), "version")

        Args:
            value: The answer: a single value, or None for nothing.
            command: A command that answers with a single value, `GET` or `HGET` or `EXISTS`.
            *arguments: Its arguments, the key first.

        Raises:
            StatusError: INVALID_ARGUMENT, its key is not one of the change.
        """
        encoder = self.redis._encoder
        answer = b"-" if value is None else b"=" + encoder.encode(value)
        self._expected.append((answer, self.redis._encode(command, *arguments)))

    def publish(
        self,
        info: EventInfo[EventT],
        event: EventT,
        *,
        metadata: Mapping[str, str] | None = None,
        event_id: str | None = None,
    ) -> str:
        """Adds an event, which is published once the change is made. What could never be published
        is refused here.

            change.publish(QuestServiceEvents.quest_completed, QuestCompleted(quest_id=quest_id))

        Args:
            info: The event, of the generated class of a service's events.
            event: The event itself.
            metadata: What travels along.
            event_id: Its id; by default a random one.

        Returns:
            The event's id.

        Raises:
            TypeError: The event is no message of `info`, or not durable.
            StatusError: INVALID_ARGUMENT for a key, id or metadata that cannot be sent,
                RESOURCE_EXHAUSTED for an event that is too large.
        """
        name = info.message.DESCRIPTOR.full_name
        if not isinstance(event, info.message):
            raise TypeError(f"an event {name} is expected, and {type(event).__name__} is none")
        if not info.durable:
            raise TypeError(f"{name} is not durable: nobody would notice that it was lost")
        outgoing = prepare(self._connection, info, event, metadata, event_id)
        size = len(outgoing.block) + len(outgoing.body)
        if size > self._connection.max_payload:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"an event {name} of {size} bytes: the NATS server takes"
                f" {self._connection.max_payload} bytes (max_payload), header block included",
            )
        self._events.append((name, outgoing))
        return outgoing.event_id

    @property
    def events(self) -> int:
        """How many events were added."""
        return len(self._events)

    async def apply(self) -> None:
        """Writes state and events in one step.

        Raises:
            StatusError: ABORTED, an expectation does not hold; UNAVAILABLE, Redis does not answer.
            redis.exceptions.ResponseError: Redis refuses one of the commands.
        """
        if not (self.redis._noted or self._events or self._expected):
            return
        arguments: list[Argument] = [_COMMIT_SECONDS, len(self._expected)]
        for answer, words in self._expected:
            arguments += [answer, len(words), *words]
        arguments.append(len(self.redis._noted))
        for words in self.redis._noted:
            arguments += [len(words), *words]
        arguments.append(len(self._events))
        for name, event in self._events:
            fields = ["entity", self._entity_id, "type", name, "subject", event.subject]
            fields += ["id", event.event_id]
            arguments += [len(fields) + 4, *fields, "block", event.block, "body", event.body]
        keys = [self._partition.entries, self._partition.commit(self._id)]
        try:
            failed = await _APPLY.run(self._client, keys, arguments, timeout=_TIMEOUT)
        except FAILURES as error:
            if _is_refusal(error):
                raise
            raise StatusError(
                Code.UNAVAILABLE,
                f"Redis does not answer, and the change may have been made: {error or 'time-out'}",
            ) from error
        if failed:
            words = self._expected[failed - 1][1]
            raise StatusError(
                Code.ABORTED,
                f"{words[0].decode()} {words[1].decode(errors='replace')} does not answer what was"
                " expected: read the state again, then try again",
            )


def _is_refusal(error: BaseException) -> bool:
    from redis.exceptions import ResponseError

    return isinstance(error, ResponseError)
