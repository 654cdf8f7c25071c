"""The outbox: state and events written in one step, and events relayed to their streams."""
