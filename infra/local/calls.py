"""Calls through the generated clients, with a record of what became of them."""

from __future__ import annotations

import importlib
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import Message

import protonats
from catalogue import Service
from protonats._codegen import MethodInfo, MethodKind, ServiceInfo

__all__ = ["Endpoint", "Record", "endpoints_of", "percentile"]

_KEPT = 20_000
_DEFECTS = frozenset(
    {
        protonats.Code.DEADLINE_EXCEEDED,
        protonats.Code.INTERNAL,
        protonats.Code.PERMISSION_DENIED,
        protonats.Code.RESOURCE_EXHAUSTED,
        protonats.Code.UNAVAILABLE,
        protonats.Code.UNKNOWN,
    }
)
"""Codes that no service of the platform gives on purpose."""


@dataclass(kw_only=True, slots=True)
class Record:
    """What became of the calls of one service."""

    calls: int = 0
    """How many were made."""

    failed: int = 0
    """How many were not answered, or answered with a status that nobody gives on purpose."""

    unimplemented: set[str] = field(default_factory=set)
    """Names of the methods that were last answered UNIMPLEMENTED."""

    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """How long those that were answered took, the latest 20,000."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One unary method of one service, ready to be called."""

    service: Service
    """The service."""

    method: MethodInfo[Message, Message]
    """The method."""

    record: Record
    """Where its calls are counted, the same for all methods of a service."""

    client_method: Callable[..., Awaitable[Message]]
    """The method of the generated client."""

    @property
    def name(self) -> str:
        """The full name, `bodybroker.quest.v1.QuestService.GenerateQuest`."""
        return f"{self.service.full_name}.{self.method.name}"

    @property
    def unimplemented(self) -> bool:
        """Whether its last answer was UNIMPLEMENTED."""
        return self.method.name in self.record.unimplemented

    async def __call__(self, request: Message, *, timeout: float | None = None) -> Message:
        """Makes one call.

        Args:
            request: What is asked for.
            timeout: Seconds; the method's by default.

        Raises:
            StatusError: What the call was answered with.
        """
        policy = self.method.idempotency
        key = secrets.token_hex(16) if policy is not None and policy.required else None
        self.record.calls += 1
        started = time.perf_counter()
        try:
            response = await self.client_method(request, timeout=timeout, idempotency_key=key)
        except protonats.StatusError as error:
            if error.code in _DEFECTS:
                self.record.failed += 1
                raise
            self.record.seconds.append(time.perf_counter() - started)
            if error.code is protonats.Code.UNIMPLEMENTED:
                self.record.unimplemented.add(self.method.name)
            raise
        self.record.seconds.append(time.perf_counter() - started)
        self.record.unimplemented.discard(self.method.name)
        return response


def endpoints_of(service: Service, connection: protonats.Connection) -> tuple[Endpoint, ...]:
    """The unary methods of a service, called over `connection`, with one record."""
    module = importlib.import_module(service.module)
    stem = service.full_name.rpartition(".")[2]
    info: ServiceInfo = getattr(module, f"{stem}Server").__protonats__
    client = getattr(module, f"{stem}Client")(connection)
    record = Record()
    return tuple(
        Endpoint(
            service=service,
            method=method,
            record=record,
            client_method=getattr(client, method.python_name),
        )
        for method in info.methods
        if method.kind is MethodKind.UNARY
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
