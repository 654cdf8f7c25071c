"""The policies of methods: how long a call may take, and when it is retried, hedged, kept, cached
and refused."""

from __future__ import annotations

import math

from google.protobuf.descriptor_pb2 import MethodDescriptorProto, MethodOptions
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from protoc_gen_nats import subjects
from protoc_gen_nats.building.durations import problem_of_time, seconds
from protoc_gen_nats.building.events import EventBuilder
from protoc_gen_nats.descriptors import Path, SchemaFile, SchemaSet
from protoc_gen_nats.errors import Problem, did_you_mean
from protoc_gen_nats.model import (
    CachePolicy,
    ConcurrencyLimit,
    HedgingPolicy,
    Idempotency,
    IdempotencyPolicy,
    RetryPolicy,
)
from protonats.v1 import options_pb2

__all__ = ["DEFAULT_TIMEOUT", "PolicyReader"]

DEFAULT_TIMEOUT = 5.0
"""Seconds that a unary call may take if neither caller nor schema say more."""

_SHORTEST_DEADLINE, _LONGEST_DEADLINE = 0.001, 4294967.0
"""Seconds; a call header holds 32 bits of milliseconds (section 3 of the wire protocol)."""

_LEVELS = {
    MethodOptions.IDEMPOTENCY_UNKNOWN: Idempotency.UNKNOWN,
    MethodOptions.NO_SIDE_EFFECTS: Idempotency.NO_SIDE_EFFECTS,
    MethodOptions.IDEMPOTENT: Idempotency.IDEMPOTENT,
}


class PolicyReader:
    """Reads the policies of one method; appends to `problems`.

    Attributes:
        idempotency_level: What calling the method twice does.
        timeout: Seconds that a call may take; None: as long as it likes.
    """

    def __init__(
        self,
        schemas: SchemaSet,
        events: EventBuilder,
        problems: list[Problem],
        file: SchemaFile,
        path: Path,
        proto: MethodDescriptorProto,
    ) -> None:
        self._schemas = schemas
        self._events = events
        self._problems = problems
        self._file = file
        self._path = path
        self._proto = proto
        self._options = proto.options.Extensions[options_pb2.method]
        self._is_stream = proto.client_streaming or proto.server_streaming
        self.idempotency_level = _LEVELS[proto.options.idempotency_level]
        self.timeout = self._deadline("timeout")
        if self.timeout is None and not self._is_stream:
            self.timeout = DEFAULT_TIMEOUT

    def retry(self) -> RetryPolicy:
        """When a failed call is made again."""
        options, unset = self._options.retry, RetryPolicy()
        attempts = options.max_attempts or unset.max_attempts
        if attempts < 0:
            text = "write 1 or more; 1 switches retries off"
            self._refuse("retry.max_attempts", f"is {attempts}: {text}")
        multiplier = options.backoff_multiplier or unset.multiplier
        if not 1 <= multiplier < math.inf:
            self._refuse("retry.backoff_multiplier", f"is {multiplier:g}: write 1 or more")
        first = self._time_or(unset.initial_backoff, "retry.initial_backoff")
        longest = self._time_or(unset.max_backoff, "retry.max_backoff")
        if 0 < longest < first:
            text = f"is {longest:g} s, and initial_backoff {first:g} s: write a longer one"
            self._refuse("retry.max_backoff", text)
        if options.HasField("initial_backoff"):
            self._check_below_timeout("retry.initial_backoff", first)
        if attempts == 1:
            self._refuse_pauses()
        attempt = self._deadline("retry.attempt_timeout")
        if attempt is not None and self._is_unary("retry.attempt_timeout"):
            self._check_attempt_timeout(attempt, attempts)
        return RetryPolicy(
            max_attempts=attempts,
            initial_backoff=first,
            max_backoff=longest,
            multiplier=multiplier,
            attempt_timeout=attempt,
        )

    def hedging(self) -> HedgingPolicy | None:
        """When a second request is sent; None: never."""
        if not self._options.HasField("hedging"):
            return None
        attempts = self._options.hedging.max_attempts or 2
        if self._is_unary("hedging"):
            self._check_reads_only("hedging")
        if attempts < 2:
            self._refuse("hedging.max_attempts", f"is {attempts}: write 2 or more")
        delay = self._required_time("hedging.delay", "{nanos: 20000000}")
        self._check_below_timeout("hedging.delay", delay)
        self._check_hedges(delay, attempts)
        return HedgingPolicy(delay=delay, max_attempts=attempts)

    def idempotency(self) -> IdempotencyPolicy | None:
        """How answers are kept for calls with an idempotency key; None: the schema says nothing."""
        if not self._options.HasField("idempotency"):
            return None
        options, unset = self._options.idempotency, IdempotencyPolicy()
        level = self.idempotency_level
        if self._is_unary("idempotency") and level is Idempotency.NO_SIDE_EFFECTS:
            text = "is for methods with side effects, and it is NO_SIDE_EFFECTS: take it away"
            self._refuse("idempotency", text)
        return IdempotencyPolicy(
            ttl=self._time_or(unset.ttl, "idempotency.ttl"),
            required=options.required,
            fail_open=options.fail_open,
        )

    def cache(self) -> CachePolicy | None:
        """How responses are cached; None: not at all."""
        if not self._options.HasField("cache"):
            return None
        options = self._options.cache
        if self._is_unary("cache"):
            self._check_reads_only("cache")
        ttl = self._required_time("cache.ttl", "{seconds: 60}")
        unset = CachePolicy(ttl=ttl)
        local = self._time_or(min(unset.local_ttl, ttl), "cache.local_ttl", zero=True)
        if 0 < ttl < local:
            text = f"is {local:g} s, and ttl {ttl:g} s: write a shorter one"
            self._refuse("cache.local_ttl", text)
        stale = self._time_or(
            unset.stale_while_revalidate, "cache.stale_while_revalidate", zero=True
        )
        label = f"cache of {self._proto.name} is invalidated by"
        path = self._path_of("cache.invalidated_by")
        events = [
            self._events.resolve(self._file, path, label, name)
            for name in dict.fromkeys(options.invalidated_by)
        ]
        self._check_key_fields(list(options.key_fields))
        return CachePolicy(
            ttl=ttl,
            local_ttl=local,
            stale_while_revalidate=stale,
            key_fields=tuple(dict.fromkeys(options.key_fields)),
            invalidated_by=tuple(event for event in events if event is not None),
        )

    def concurrency(self) -> ConcurrencyLimit | None:
        """How many calls one instance runs at once; None: no limit but the service's own."""
        if not self._options.HasField("concurrency"):
            return None
        options = self._options.concurrency
        if options.max_in_flight == 0:
            text = "is not given: write how many calls run at once"
            self._refuse("concurrency.max_in_flight", text)
        elif options.max_in_flight < 0:
            text = f"is {options.max_in_flight}: write a number above zero"
            self._refuse("concurrency.max_in_flight", text)
        if options.max_queued < 0:
            text = f"is {options.max_queued}: write 0 or more"
            self._refuse("concurrency.max_queued", text)
        return ConcurrencyLimit(max_in_flight=options.max_in_flight, max_queued=options.max_queued)

    def _refuse_pauses(self) -> None:
        options = self._options.retry
        for name in ("initial_backoff", "max_backoff"):
            if options.HasField(name):
                self._refuse(f"retry.{name}", "is no pause: max_attempts is 1, so take it away")
        if options.backoff_multiplier:
            text = "lengthens no pause: max_attempts is 1, so take it away"
            self._refuse("retry.backoff_multiplier", text)

    def _check_attempt_timeout(self, time: float, attempts: int) -> None:
        option = "retry.attempt_timeout"
        self._check_below_timeout(option, time)
        if attempts == 1:
            text = "ends the only attempt: write timeout in its place, or more max_attempts"
            self._refuse(option, text)
        if self.idempotency_level is Idempotency.UNKNOWN:
            text = (
                "is for methods that may be handled twice: write timeout in its place, or"
                " `option idempotency_level = IDEMPOTENT` if handling a request twice does what"
                " handling it once does"
            )
            self._refuse(option, text)

    def _check_hedges(self, delay: float, attempts: int) -> None:
        attempt = seconds(self._options.retry.attempt_timeout)
        if 0 < attempt <= delay:
            text = f"is {delay:g} s, and retry.attempt_timeout {attempt:g} s: write a shorter one"
            self._refuse("hedging.delay", text)
        if self.timeout is None or not 0 < delay < self.timeout:
            return
        sent = math.ceil(self.timeout / delay)
        if attempts > sent:
            text = (
                f"is {attempts}, and of requests {delay:g} s apart {sent} are sent in the call's"
                f" time-out {self.timeout:g} s: write {sent} or less"
            )
            self._refuse("hedging.max_attempts", text)

    def _check_key_fields(self, names: list[str]) -> None:
        request = self._proto.input_type.removeprefix(".")
        found = self._schemas.message(request)
        fields = [field.name for field in found[2].field] if found else []
        for name in names:
            if name not in fields:
                hint = did_you_mean(name, fields)
                text = f"names {name!r}, which is no field of {request}: {hint}"
                self._refuse("cache.key_fields", text)
        if not names:
            return
        for parameter in subjects.parameters(self._options.operation):
            if (name := parameter.partition(".")[0]) not in names:
                text = f"leaves out {name!r}, which its subject names: add it"
                self._refuse("cache.key_fields", text)

    def _is_unary(self, option: str) -> bool:
        if self._is_stream:
            self._refuse(option, "is for unary methods, and it is a stream: take it away")
        return not self._is_stream

    def _check_reads_only(self, option: str) -> None:
        if self.idempotency_level is not Idempotency.NO_SIDE_EFFECTS:
            text = (
                "is for methods without side effects: take it away, or write"
                " `option idempotency_level = NO_SIDE_EFFECTS` if the method only reads"
            )
            self._refuse(option, text)

    def _check_below_timeout(self, option: str, time: float) -> None:
        if self.timeout is not None and 0 < self.timeout <= time:
            text = f"is {time:g} s, and the call's time-out {self.timeout:g} s: write a shorter one"
            self._refuse(option, text)

    def _required_time(self, option: str, example: str) -> float:
        time = self._time(option)
        if time is None:
            self._refuse(option, f"is not given: write {option.rpartition('.')[2]}: {example}")
        return time or 0.0

    def _time(self, option: str, *, zero: bool = False) -> float | None:
        """An option in seconds, or None if it is not given."""
        policy, _, field = option.rpartition(".")
        holder: Message = getattr(self._options, policy) if policy else self._options
        if not holder.HasField(field):
            return None
        duration: Duration = getattr(holder, field)
        if wrong := problem_of_time(duration, zero=zero):
            self._refuse(option, wrong)
        return seconds(duration)

    def _deadline(self, option: str) -> float | None:
        """A time-out in seconds, or None if it is not given."""
        time = self._time(option)
        if time is not None and 0 < time < _SHORTEST_DEADLINE:
            text = "and deadlines are in milliseconds: write {nanos: 1000000} or more"
            self._refuse(option, f"is {time:g} s, {text}")
        elif time is not None and time > _LONGEST_DEADLINE:
            text = "and no deadline is later than 49 days: write a shorter one"
            self._refuse(option, f"is {time:g} s, {text}")
        return time

    def _time_or(self, default: float, option: str, *, zero: bool = False) -> float:
        time = self._time(option, zero=zero)
        return default if time is None else time

    def _refuse(self, option: str, text: str) -> None:
        """Notes a problem of an option, `retry` or `retry.max_attempts`."""
        label = f"{option} of {self._proto.name} {text}"
        self._problems.append(self._file.problem(self._path_of(option), label))

    def _path_of(self, option: str) -> Path:
        """Where an option stands, if it has a place of its own."""
        path = self._path
        holder: Message = self._options
        for name in option.split("."):
            path = (*path, holder.DESCRIPTOR.fields_by_name[name].number)
            holder = getattr(holder, name)
        return path
