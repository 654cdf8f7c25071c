"""Serves shop.stock.v1.ReportService."""

from __future__ import annotations

import protonats
from shop.stock.v1.stock_nats import ReportServiceServer


class ReportService(ReportServiceServer):
    """Says what is missing."""

    def __init__(self, app: protonats.Application) -> None:
        self._app = app
