"""What all calls of one instance share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from protonats._info import ServiceInfo
from protonats._serving.audit import AuditTrail
from protonats._serving.cancellations import Cancellations
from protonats._serving.follow_ups import FollowUps
from protonats._serving.large import LargeMessages
from protonats._wire import subjects

if TYPE_CHECKING:
    from protonats._serving.endpoint import Endpoint
    from protonats.connection import Connection

_LARGE_MESSAGES: Final = 4
"""How many messages of the longest kind are held at once."""


class Serving:
    """What all calls of one instance share.

    Attributes:
        audit: Where calls of methods leave records whose schema says so.
        connection: Where the instance serves.
        transport: Where calls are answered.
        metrics: Where they are counted.
        timers: What keeps their deadlines.
        loop: The event loop they run in.
        instance_id: The instance in discovery: 16 random hexadecimal digits.
        log_fields: The instance, as fields of log lines.
        follow_ups: Tells calls what their callers send after the first message.
        cancellations: Tells calls that their callers gave them up.
        large: The large messages that are under way.
        release: Called at the end of each unary call, with its endpoint; the admission's.
    """

    __slots__ = (
        "audit",
        "cancellations",
        "connection",
        "follow_ups",
        "instance_id",
        "large",
        "log_fields",
        "loop",
        "metrics",
        "release",
        "timers",
        "transport",
    )

    release: Callable[[Endpoint], None]

    def __init__(self, connection: Connection, service: ServiceInfo, instance_id: str) -> None:
        self.connection = connection
        self.transport = connection._transport
        self.metrics = connection.metrics
        self.timers = connection._timers
        self.loop = asyncio.get_running_loop()
        self.instance_id = instance_id
        self.audit = AuditTrail(connection, service, instance_id)
        self.log_fields = {"service": service.name, "instance": instance_id}
        # A service without methods is sent nothing.
        prefix = subjects.service_prefix(service.methods[0].subject) if service.methods else ""
        self.follow_ups = FollowUps(self.transport, prefix, instance_id, self.metrics)
        self.cancellations = Cancellations(self.transport, prefix, self.metrics, self.timers)
        size = connection.max_message_size
        self.large = LargeMessages(
            self.transport,
            self.metrics,
            instance_id,
            self.follow_ups,
            self.cancellations,
            max_message_size=size,
            max_bytes=_LARGE_MESSAGES * size,
        )
