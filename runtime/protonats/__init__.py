"""protonats: typed NATS services from protobuf schemas.

Nothing is loaded before it is used: importing this package, or `protonats.v1.options_pb2`, loads
neither nats, redis nor protobuf.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from protonats._version import __version__

if TYPE_CHECKING:
    from protonats.application import Application
    from protonats.cache import Cache
    from protonats.call_info import CallInfo
    from protonats.connection import Connection, connect
    from protonats.dead_letters import DeadLetter, DeadLetters
    from protonats.deduplicator import Deduplicator
    from protonats.errors import (
        Code,
        ConfigurationError,
        ContractError,
        ProtonatsError,
        StatusError,
    )
    from protonats.events import BatchError, EventContext, PublishAck, RetryEvent, publish_all
    from protonats.history import UnreadableEvent, replay
    from protonats.key_value import KeyValue
    from protonats.outbox import Outbox
    from protonats.response_stream import ResponseStream
    from protonats.server import CallContext
    from protonats.settings import BreakerSettings, ConnectionSettings, Settings

__all__ = [
    "Application",
    "BatchError",
    "BreakerSettings",
    "Cache",
    "CallContext",
    "CallInfo",
    "Code",
    "ConfigurationError",
    "Connection",
    "ConnectionSettings",
    "ContractError",
    "DeadLetter",
    "DeadLetters",
    "Deduplicator",
    "EventContext",
    "KeyValue",
    "Outbox",
    "ProtonatsError",
    "PublishAck",
    "ResponseStream",
    "RetryEvent",
    "Settings",
    "StatusError",
    "UnreadableEvent",
    "__version__",
    "connect",
    "publish_all",
    "replay",
]

_HOMES = {
    "Application": "application",
    "BatchError": "events",
    "BreakerSettings": "settings",
    "Cache": "cache",
    "CallContext": "server",
    "CallInfo": "call_info",
    "Code": "errors",
    "ConfigurationError": "errors",
    "Connection": "connection",
    "ConnectionSettings": "settings",
    "ContractError": "errors",
    "DeadLetter": "dead_letters",
    "DeadLetters": "dead_letters",
    "Deduplicator": "deduplicator",
    "EventContext": "events",
    "KeyValue": "key_value",
    "Outbox": "outbox",
    "ProtonatsError": "errors",
    "PublishAck": "events",
    "ResponseStream": "response_stream",
    "RetryEvent": "events",
    "Settings": "settings",
    "StatusError": "errors",
    "UnreadableEvent": "history",
    "connect": "connection",
    "publish_all": "events",
    "replay": "history",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"protonats.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
