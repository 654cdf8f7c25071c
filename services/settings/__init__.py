"""The implementation of bodybroker.settings.v1.SettingsService."""
