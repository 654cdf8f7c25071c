"""The contract between generated code and the runtime.

Generated modules import this module and `protonats`, nothing else of the runtime. `CONTRACT` grows
by one whenever generated code of an older generator would no longer run; names and fields that are
only added leave it as it is.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.message_factory import GetMessageClass

from protonats._info import (
    CacheInfo,
    ConcurrencyInfo,
    ConsumerInfo,
    EventInfo,
    HandlerInfo,
    HedgingInfo,
    Idempotency,
    IdempotencyInfo,
    MethodInfo,
    MethodKind,
    RetryInfo,
    ServiceInfo,
)
from protonats.client import Client
from protonats.errors import ContractError
from protonats.events import Publisher
from protonats.server import Server

__all__ = [
    "CacheInfo",
    "Client",
    "ConcurrencyInfo",
    "ConsumerInfo",
    "EventInfo",
    "HandlerInfo",
    "HedgingInfo",
    "Idempotency",
    "IdempotencyInfo",
    "MethodInfo",
    "MethodKind",
    "Publisher",
    "RetryInfo",
    "Server",
    "ServiceInfo",
    "message_class",
    "require_contract",
]

CONTRACT = 1


def message_class(full_name: str) -> Any:
    """The class of a message for which Python has no name, as it is called `class`, say.

    Args:
        full_name: Its name in the schema, whose module is imported.
    """
    return GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(full_name))


def require_contract(version: int) -> None:
    """Checks that this runtime understands code generated for contract `version`.

    Raises:
        ContractError: The code was generated for another contract; the text names the command
            that mends it.
    """
    if version > CONTRACT:
        raise ContractError(
            f"this code was generated for contract {version} of protonats, and the installed"
            f" runtime has contract {CONTRACT}: upgrade it with `pip install --upgrade protonats`"
        )
    if version < CONTRACT:
        raise ContractError(
            f"this code was generated for contract {version} of protonats, and the installed"
            f" runtime has contract {CONTRACT}: generate it again with `protonats generate`"
        )
