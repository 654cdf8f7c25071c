"""Changes of streams, consumers and buckets as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from protoc_gen_nats.live.stream_plan import Action, Change
from protoc_gen_nats.quantities import duration_text, size_text

__all__ = ["change_lines"]

_WORDS: Final = {"num_replicas": "replicas", "max_msg_size": "max_message"}
"""What the manifest calls settings that have another name on the server."""
_SECONDS: Final = frozenset({"max_age", "duplicate_window", "ack_wait"})
_BYTES: Final = frozenset({"max_msg_size", "max_bytes"})


def change_lines(change: Change) -> Iterator[str]:
    """The settings of a change, one a line."""
    names = [_WORDS.get(one.setting, one.setting) for one in change.differences]
    width = max(map(len, names), default=0)
    for name, one in zip(names, change.differences, strict=True):
        after = _shown(one.setting, one.after)
        if change.action is Action.UPDATE:
            before = _shown(one.setting, one.before)
            after = f"{before} → {after}"
        yield f"    {name.ljust(width)}  {after}"


def _shown(setting: str, value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}={text}" for key, text in sorted(value.items()))
    if setting in _SECONDS:
        return duration_text(value)
    return size_text(value) if setting in _BYTES else str(value)
