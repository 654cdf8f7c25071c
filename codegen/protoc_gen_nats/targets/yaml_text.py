"""YAML for people and programs, the same on every machine."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["yaml_text"]

_NEVER = 100_000
"""Columns after which a text is broken into lines."""

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):  # type: ignore[misc]
    """Writes everything out, without anchors, and texts of several lines as such."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _nothing(dumper: Any, value: None) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:null", "")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(type(None), _nothing)


def yaml_text(value: Any, comment: str = "") -> bytes:
    """A value as YAML.

    Args:
        value: The value.
        comment: What stands above it, without `#`.
    """
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_NEVER)
    return (head + text).encode()
