"""The protocol document (`docs/wire-protocol.md`) in code: pure functions, one module per
subject."""
