"""One instance of a service: its subscriptions, its running calls, and their end."""

from __future__ import annotations

import asyncio
import logging
import secrets
from functools import partial
from typing import Final

from google.protobuf import duration_pb2
from google.rpc import error_details_pb2

from protonats._info import ServiceInfo
from protonats._serving.discovery import Discovery
from protonats._serving.endpoint import Endpoint, endpoints_of
from protonats._serving.served_call import ServedCall
from protonats._transport.message import Message
from protonats._transport.transport import Subscription
from protonats._wire import subjects
from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.server import Server

__all__ = ["Instance"]

_logger = logging.getLogger("protonats")

_RETRY_DELAY_MS: Final = 100
_CANCEL_TIMEOUT: Final = 1.0


class Instance:
    """Serves one server object on a connection.

    Attributes:
        id: The instance in discovery: 16 random hexadecimal digits.
        service: What is served.
    """

    def __init__(
        self, connection: Connection, server: Server, *, max_in_flight: int = 1000
    ) -> None:
        """
        Args:
            connection: Where to serve.
            server: The object whose methods handle the calls.
            max_in_flight: How many calls are handled at once; more are answered RESOURCE_EXHAUSTED.

        Raises:
            TypeError: The object lacks a method of its service.
        """
        self.id = secrets.token_hex(8)
        self.service: ServiceInfo = server.__protonats__
        self._log_fields = {"service": self.service.name, "instance": self.id}
        self._connection = connection
        self._transport = connection._transport
        self._max_in_flight = max_in_flight
        self._endpoints = endpoints_of(server)
        self._discovery = Discovery(
            self._transport, self.service, self.id, self._endpoints, connection.metrics
        )
        self._subscriptions: list[Subscription] = []
        self._calls: dict[asyncio.Task[None], ServedCall] = {}
        self._serving = False

    @property
    def serving(self) -> bool:
        """Whether the instance takes calls: subscribed, and not draining."""
        # A reconnect may find other permissions than the start did.
        return self._serving and not any(item.denied for item in self._subscriptions)

    @property
    def in_flight(self) -> int:
        """How many calls are being handled."""
        return len(self._calls)

    async def start(self) -> None:
        """Subscribes to every method and to discovery, and returns when the server knows.

        Raises:
            StatusError: PERMISSION_DENIED, if this user may not subscribe to a subject of the
                service; UNAVAILABLE, if the connection breaks meanwhile.
        """
        queue = subjects.queue_group(self.service.domain)
        try:
            for endpoint in self._endpoints:
                callback = partial(self._receive, endpoint)
                subject = endpoint.template.listen
                self._subscriptions.append(
                    await self._transport.subscribe(subject, callback, queue=queue)
                )
            await self._transport.barrier()
            self._refuse_denied(self._subscriptions)
            await self._discovery.start()
            self._refuse_denied(self._discovery.subscriptions)
        except BaseException:
            await self.drain(0)
            raise
        self._serving = True

    async def drain(self, grace: float) -> None:
        """Stops to serve: leaves discovery, takes no new calls, and awaits the running ones.

        Args:
            grace: Seconds for running calls; the rest is cancelled and answered UNAVAILABLE.
        """
        self._serving = False
        until = asyncio.get_running_loop().time() + grace
        await self._discovery.stop()
        await self._transport.unsubscribe(*self._subscriptions)
        self._subscriptions.clear()
        await self._await_calls(until - asyncio.get_running_loop().time())
        for call in list(self._calls.values()):
            call.stop(StatusError(Code.UNAVAILABLE, "the instance stops: another one may answer"))
        await self._await_calls(_CANCEL_TIMEOUT)
        if self._calls:
            _logger.error(
                "%d handlers of %s go on although they were cancelled",
                len(self._calls),
                self.service.name,
            )

    async def _await_calls(self, timeout: float) -> None:
        if self._calls:
            await asyncio.wait(list(self._calls), timeout=max(0.0, timeout))

    def _receive(self, endpoint: Endpoint, message: Message) -> None:
        metrics = self._connection.metrics
        reason = subjects.why_dropped(endpoint.template.listen, message.subject, message.reply)
        if reason is not None:
            metrics.dropped(reason)
            return
        call = ServedCall(endpoint, message, self._transport, metrics, self._log_fields)
        if len(self._calls) >= self._max_in_flight:
            call.fail(_overload(self._max_in_flight))
            return
        task = call.start()
        self._calls[task] = call
        task.add_done_callback(self._calls.__delitem__)

    def _refuse_denied(self, subscriptions: list[Subscription]) -> None:
        denied = [subscription.subject for subscription in subscriptions if subscription.denied]
        if denied:
            raise StatusError(
                Code.PERMISSION_DENIED,
                f"the NATS server does not let user {self._connection.name} subscribe to"
                f" {', '.join(denied)}, which {self.service.full_name} needs",
            )


def _overload(limit: int) -> StatusError:
    delay = duration_pb2.Duration()
    delay.FromMilliseconds(_RETRY_DELAY_MS)
    return StatusError(
        Code.RESOURCE_EXHAUSTED,
        f"the instance handles {limit} calls already, as many as it may",
        details=[error_details_pb2.RetryInfo(retry_delay=delay)],
    )
