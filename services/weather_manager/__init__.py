"""The implementation of bodybroker.weather_manager.v1.WeatherManagerService."""
