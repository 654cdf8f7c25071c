"""The implementation of bodybroker.world_state.v1.WorldStateService."""
