"""What a target produces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protoc_gen_nats.model import File

__all__ = ["GeneratedFile", "PlannedFile"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedFile:
    """One file to write."""

    path: str
    """Relative to the folder that the caller writes to, with `/` between its parts."""

    content: bytes

    scaffold: bool = False
    """Written once and never overwritten: from then on it belongs to the user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedFile:
    """One file that is rendered only where it is not known already what is in it."""

    path: str
    """As of a GeneratedFile."""

    render: Callable[[], GeneratedFile]

    files: tuple[File, ...]
    """The schemas that it follows from. With `beside`, the manifest, the templates and the
    generator, they are all that has a part in it."""

    beside: object = None
    """What else it follows from, as a value that can be pickled."""
