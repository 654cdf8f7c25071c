"""Real servers for tests: each starts in milliseconds and dies with the test."""

from protonats.testing._nats import EmbeddedNats
from protonats.testing._redis import EmbeddedRedis

__all__ = ["EmbeddedNats", "EmbeddedRedis"]
