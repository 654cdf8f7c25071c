"""The implementation of bodybroker.event_bus.v1.EventBusService."""
