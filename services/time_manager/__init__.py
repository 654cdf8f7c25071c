"""The implementation of bodybroker.time_manager.v1.TimeManagerService."""
