"""The audit trail: a record of each call of a method that the schema marks so."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from protonats._info import ServiceInfo
from protonats._publishing import store
from protonats._wire import audit, headers
from protonats._wire.call import CallHeader
from protonats._wire.events import MSG_ID
from protonats.errors import StatusError

if TYPE_CHECKING:
    from protonats._serving.endpoint import Endpoint
    from protonats.connection import Connection

_logger = logging.getLogger("protonats")

_MOST: Final = 10_000
"""Records that wait for the stream at once. It answers in milliseconds, or is away."""


class AuditTrail:
    """Writes records behind the answers: a call never waits for its record, nor fails with it.

    A record that no stream has acknowledged in five seconds is lost. It is counted as dropped, and
    logged with what it said.
    """

    def __init__(self, connection: Connection, service: ServiceInfo, instance_id: str) -> None:
        self._connection = connection
        self._service = service
        self._instance_id = instance_id
        self._writing: set[asyncio.Task[None]] = set()

    def write(self, endpoint: Endpoint, header: CallHeader, reply: str, code: int) -> None:
        """Begins to write the record of a call that has ended.

        Args:
            endpoint: The method that was called.
            header: The call's header.
            reply: Where its answer went, which says who called.
            code: The status that it ended with, 0 for a success.
        """
        method = endpoint.method
        body = audit.record(
            method=f"{method.service}.{method.name}",
            version=self._service.version,
            caller=audit.caller_of(reply),
            call_id=header.call_id,
            code=code,
            instance=self._instance_id,
            time=datetime.now(UTC),
        )
        if len(self._writing) >= _MOST:
            self._lose(body, "too many records wait for the stream")
            return
        # In a context of its own: the deadline of the call says nothing about its record.
        task = asyncio.get_running_loop().create_task(
            self._store(audit.subject(self._service.domain, endpoint.name), body, header.call_id),
            name=f"audit {endpoint.task_name}",
            context=contextvars.Context(),
        )
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def settle(self, patience: float) -> None:
        """Returns when every record is written or lost, after that many seconds at the latest."""
        if not self._writing:
            return
        _, waiting = await asyncio.wait(self._writing, timeout=patience)
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)

    async def _store(self, subject: str, body: bytes, call_id: str) -> None:
        try:
            await store(self._connection, subject, body, headers.encode({MSG_ID: call_id}), call_id)
        except StatusError as error:
            self._lose(body, error.message)
        except asyncio.CancelledError:
            self._lose(body, "the instance ends")
            raise

    def _lose(self, body: bytes, why: str) -> None:
        self._connection.metrics.dropped("audit")
        _logger.error(
            "an audit record is lost, %s: %s",
            why,
            body.decode(),
            extra={"service": self._service.name, "instance": self._instance_id},
        )
