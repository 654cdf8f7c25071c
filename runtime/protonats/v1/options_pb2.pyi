from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import extension_dict as _extension_dict
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Durability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DURABILITY_UNSPECIFIED: _ClassVar[Durability]
    DURABILITY_STREAM: _ClassVar[Durability]
    DURABILITY_NONE: _ClassVar[Durability]
DURABILITY_UNSPECIFIED: Durability
DURABILITY_STREAM: Durability
DURABILITY_NONE: Durability
SERVICE_FIELD_NUMBER: int
service: _extension_dict._ExtensionFieldDescriptor[_descriptor_pb2.ServiceOptions, ServiceOptions]
METHOD_FIELD_NUMBER: int
method: _extension_dict._ExtensionFieldDescriptor[_descriptor_pb2.MethodOptions, MethodOptions]
EVENT_FIELD_NUMBER: int
event: _extension_dict._ExtensionFieldDescriptor[_descriptor_pb2.MessageOptions, EventOptions]

class ServiceOptions(_message.Message):
    __slots__ = ("name", "domain", "version", "description", "calls", "consumes", "publishes", "wildcard_reason", "redis", "key_value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    CONSUMES_FIELD_NUMBER: _ClassVar[int]
    PUBLISHES_FIELD_NUMBER: _ClassVar[int]
    WILDCARD_REASON_FIELD_NUMBER: _ClassVar[int]
    REDIS_FIELD_NUMBER: _ClassVar[int]
    KEY_VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    domain: str
    version: str
    description: str
    calls: _containers.RepeatedScalarFieldContainer[str]
    consumes: _containers.RepeatedCompositeFieldContainer[Consumer]
    publishes: _containers.RepeatedScalarFieldContainer[str]
    wildcard_reason: str
    redis: _containers.RepeatedCompositeFieldContainer[RedisKeyspace]
    key_value: _containers.RepeatedCompositeFieldContainer[KeyValueBucket]
    def __init__(self, name: _Optional[str] = ..., domain: _Optional[str] = ..., version: _Optional[str] = ..., description: _Optional[str] = ..., calls: _Optional[_Iterable[str]] = ..., consumes: _Optional[_Iterable[_Union[Consumer, _Mapping[str, object]]]] = ..., publishes: _Optional[_Iterable[str]] = ..., wildcard_reason: _Optional[str] = ..., redis: _Optional[_Iterable[_Union[RedisKeyspace, _Mapping[str, object]]]] = ..., key_value: _Optional[_Iterable[_Union[KeyValueBucket, _Mapping[str, object]]]] = ...) -> None: ...

class Consumer(_message.Message):
    __slots__ = ("durable", "events", "ack_wait", "max_deliver", "max_ack_pending", "backoff")
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    ACK_WAIT_FIELD_NUMBER: _ClassVar[int]
    MAX_DELIVER_FIELD_NUMBER: _ClassVar[int]
    MAX_ACK_PENDING_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    durable: str
    events: _containers.RepeatedScalarFieldContainer[str]
    ack_wait: _duration_pb2.Duration
    max_deliver: int
    max_ack_pending: int
    backoff: _containers.RepeatedCompositeFieldContainer[_duration_pb2.Duration]
    def __init__(self, durable: _Optional[str] = ..., events: _Optional[_Iterable[str]] = ..., ack_wait: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., max_deliver: _Optional[int] = ..., max_ack_pending: _Optional[int] = ..., backoff: _Optional[_Iterable[_Union[_duration_pb2.Duration, _Mapping[str, object]]]] = ...) -> None: ...

class RedisKeyspace(_message.Message):
    __slots__ = ("prefix", "description", "ttl")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    description: str
    ttl: _duration_pb2.Duration
    def __init__(self, prefix: _Optional[str] = ..., description: _Optional[str] = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ...) -> None: ...

class KeyValueBucket(_message.Message):
    __slots__ = ("name", "description", "history", "ttl")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    history: int
    ttl: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., history: _Optional[int] = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ...) -> None: ...

class MethodOptions(_message.Message):
    __slots__ = ("operation", "timeout", "retry", "idempotency", "cache", "concurrency", "hedging", "audit")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    HEDGING_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    operation: str
    timeout: _duration_pb2.Duration
    retry: RetryPolicy
    idempotency: IdempotencyPolicy
    cache: CachePolicy
    concurrency: ConcurrencyLimit
    hedging: HedgingPolicy
    audit: bool
    def __init__(self, operation: _Optional[str] = ..., timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., retry: _Optional[_Union[RetryPolicy, _Mapping[str, object]]] = ..., idempotency: _Optional[_Union[IdempotencyPolicy, _Mapping[str, object]]] = ..., cache: _Optional[_Union[CachePolicy, _Mapping[str, object]]] = ..., concurrency: _Optional[_Union[ConcurrencyLimit, _Mapping[str, object]]] = ..., hedging: _Optional[_Union[HedgingPolicy, _Mapping[str, object]]] = ..., audit: bool = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("max_attempts", "initial_backoff", "max_backoff", "backoff_multiplier", "attempt_timeout")
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_BACKOFF_FIELD_NUMBER: _ClassVar[int]
    MAX_BACKOFF_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    max_attempts: int
    initial_backoff: _duration_pb2.Duration
    max_backoff: _duration_pb2.Duration
    backoff_multiplier: float
    attempt_timeout: _duration_pb2.Duration
    def __init__(self, max_attempts: _Optional[int] = ..., initial_backoff: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., max_backoff: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., backoff_multiplier: _Optional[float] = ..., attempt_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ...) -> None: ...

class IdempotencyPolicy(_message.Message):
    __slots__ = ("ttl", "required", "fail_open")
    TTL_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    FAIL_OPEN_FIELD_NUMBER: _ClassVar[int]
    ttl: _duration_pb2.Duration
    required: bool
    fail_open: bool
    def __init__(self, ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., required: bool = ..., fail_open: bool = ...) -> None: ...

class CachePolicy(_message.Message):
    __slots__ = ("ttl", "local_ttl", "stale_while_revalidate", "key_fields", "invalidated_by")
    TTL_FIELD_NUMBER: _ClassVar[int]
    LOCAL_TTL_FIELD_NUMBER: _ClassVar[int]
    STALE_WHILE_REVALIDATE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELDS_FIELD_NUMBER: _ClassVar[int]
    INVALIDATED_BY_FIELD_NUMBER: _ClassVar[int]
    ttl: _duration_pb2.Duration
    local_ttl: _duration_pb2.Duration
    stale_while_revalidate: _duration_pb2.Duration
    key_fields: _containers.RepeatedScalarFieldContainer[str]
    invalidated_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., local_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., stale_while_revalidate: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., key_fields: _Optional[_Iterable[str]] = ..., invalidated_by: _Optional[_Iterable[str]] = ...) -> None: ...

class ConcurrencyLimit(_message.Message):
    __slots__ = ("max_in_flight", "max_queued")
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUED_FIELD_NUMBER: _ClassVar[int]
    max_in_flight: int
    max_queued: int
    def __init__(self, max_in_flight: _Optional[int] = ..., max_queued: _Optional[int] = ...) -> None: ...

class HedgingPolicy(_message.Message):
    __slots__ = ("delay", "max_attempts")
    DELAY_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    delay: _duration_pb2.Duration
    max_attempts: int
    def __init__(self, delay: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., max_attempts: _Optional[int] = ...) -> None: ...

class EventOptions(_message.Message):
    __slots__ = ("subject", "key_field", "durability")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_FIELD_NUMBER: _ClassVar[int]
    DURABILITY_FIELD_NUMBER: _ClassVar[int]
    subject: str
    key_field: str
    durability: Durability
    def __init__(self, subject: _Optional[str] = ..., key_field: _Optional[str] = ..., durability: _Optional[_Union[Durability, str]] = ...) -> None: ...
