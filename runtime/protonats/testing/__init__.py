"""What tests of services need: a platform in one process, real servers that start in milliseconds,
faults, and a clock that moves when it is told."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protonats.testing._clock import Clock
    from protonats.testing._faults import Faults
    from protonats.testing._link import FaultyLink
    from protonats.testing._nats import EmbeddedNats
    from protonats.testing._platform import LocalPlatform
    from protonats.testing._redis import EmbeddedRedis

__all__ = ["Clock", "EmbeddedNats", "EmbeddedRedis", "Faults", "FaultyLink", "LocalPlatform"]

_HOMES = {
    "Clock": "_clock",
    "EmbeddedNats": "_nats",
    "EmbeddedRedis": "_redis",
    "Faults": "_faults",
    "FaultyLink": "_link",
    "LocalPlatform": "_platform",
}


# The pytest plugin lies in this package, and is loaded by every run of pytest.
def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
