"""Serves bodybroker.weather_manager.v1.WeatherManagerService."""

from __future__ import annotations

import protonats
from bodybroker.time_manager.v1 import time_manager_pb2
from bodybroker.weather_manager.v1 import weather_manager_pb2
from bodybroker.weather_manager.v1.weather_manager_nats import (
    WeatherManagerServiceServer,
)


class WeatherManagerService(WeatherManagerServiceServer):
    """Simulates the weather, zone by zone.

    The simulation follows from the zone's seed, its season and the hour: the
    same zone has the same weather at the same hour, however often it is asked.
    It advances with the hours of the world's clock.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def get_weather(
        self,
        request: weather_manager_pb2.GetWeatherRequest,
        context: protonats.CallContext,
    ) -> weather_manager_pb2.GetWeatherResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "GetWeather is not implemented",
        )

    async def set_weather(
        self,
        request: weather_manager_pb2.SetWeatherRequest,
        context: protonats.CallContext,
    ) -> weather_manager_pb2.SetWeatherResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "SetWeather is not implemented",
        )

    async def forecast(
        self,
        request: weather_manager_pb2.ForecastRequest,
        context: protonats.CallContext,
    ) -> weather_manager_pb2.ForecastResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Forecast is not implemented",
        )

    async def on_hour_changed(
        self,
        event: time_manager_pb2.HourChanged,
        context: protonats.EventContext,
    ) -> None:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "hour_changed is not handled",
        )
