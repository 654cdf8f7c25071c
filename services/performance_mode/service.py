"""Serves bodybroker.performance_mode.v1.PerformanceModeService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from bodybroker.performance_mode.v1 import performance_mode_pb2
from bodybroker.performance_mode.v1.performance_mode_nats import (
    PerformanceModeServiceServer,
)


class PerformanceModeService(PerformanceModeServiceServer):
    """Keeps each player's game smooth.

    A client reports how long its frames take. From these reports and the
    player's budget the service decides on a quality mode, unless the player
    has chosen one.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def adjust_mode(
        self,
        request: performance_mode_pb2.AdjustModeRequest,
        context: protonats.CallContext,
    ) -> performance_mode_pb2.AdjustModeResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "AdjustMode is not implemented",
        )

    async def report_metrics(
        self,
        requests: AsyncIterator[performance_mode_pb2.ReportMetricsRequest],
        context: protonats.CallContext,
    ) -> performance_mode_pb2.ReportMetricsResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "ReportMetrics is not implemented",
        )

    async def get_metrics(
        self,
        request: performance_mode_pb2.GetMetricsRequest,
        context: protonats.CallContext,
    ) -> performance_mode_pb2.GetMetricsResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "GetMetrics is not implemented",
        )

    async def set_budget(
        self,
        request: performance_mode_pb2.SetBudgetRequest,
        context: protonats.CallContext,
    ) -> performance_mode_pb2.SetBudgetResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "SetBudget is not implemented",
        )
