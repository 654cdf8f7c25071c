"""Serves bodybroker.time_manager.v1.TimeManagerService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from bodybroker.time_manager.v1 import time_manager_pb2
from bodybroker.time_manager.v1.time_manager_nats import TimeManagerServiceServer


class TimeManagerService(TimeManagerServiceServer):
    """Keeps one clock per world.

    A clock is its game time at a moment of real time and the scale between the
    two, so it runs on while no instance does. Scheduled events are stored and
    survive a restart.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def get_time(
        self,
        request: time_manager_pb2.GetTimeRequest,
        context: protonats.CallContext,
    ) -> time_manager_pb2.GetTimeResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "GetTime is not implemented",
        )

    async def set_time(
        self,
        request: time_manager_pb2.SetTimeRequest,
        context: protonats.CallContext,
    ) -> time_manager_pb2.SetTimeResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "SetTime is not implemented",
        )

    async def schedule_event(
        self,
        request: time_manager_pb2.ScheduleEventRequest,
        context: protonats.CallContext,
    ) -> time_manager_pb2.ScheduleEventResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "ScheduleEvent is not implemented",
        )

    def ticks(
        self,
        request: time_manager_pb2.TicksRequest,
        context: protonats.CallContext,
    ) -> AsyncIterator[time_manager_pb2.TicksResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Ticks is not implemented",
        )
