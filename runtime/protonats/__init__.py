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
    from protonats.call_info import CallInfo
    from protonats.connection import Connection, connect
    from protonats.errors import (
        Code,
        ConfigurationError,
        ContractError,
        ProtonatsError,
        StatusError,
    )
    from protonats.events import EventContext, PublishAck, RetryEvent
    from protonats.key_value import KeyValue
    from protonats.server import CallContext
    from protonats.settings import ConnectionSettings, Settings

__all__ = [
    "Application",
    "CallContext",
    "CallInfo",
    "Code",
    "ConfigurationError",
    "Connection",
    "ConnectionSettings",
    "ContractError",
    "EventContext",
    "KeyValue",
    "ProtonatsError",
    "PublishAck",
    "RetryEvent",
    "Settings",
    "StatusError",
    "__version__",
    "connect",
]

_HOMES = {
    "Application": "application",
    "CallContext": "server",
    "CallInfo": "call_info",
    "Code": "errors",
    "ConfigurationError": "errors",
    "Connection": "connection",
    "ConnectionSettings": "settings",
    "ContractError": "errors",
    "EventContext": "events",
    "KeyValue": "key_value",
    "ProtonatsError": "errors",
    "PublishAck": "events",
    "RetryEvent": "events",
    "Settings": "settings",
    "StatusError": "errors",
    "connect": "connection",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"protonats.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
