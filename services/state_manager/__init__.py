"""The implementation of bodybroker.state_manager.v1.StateManagerService."""
