"""What a generation changes, decided before anything is written."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from protoc_gen_nats.contents import content_of
from protoc_gen_nats.project.artefacts import Rendered
from protoc_gen_nats.project.drift import State, difference, find_drift
from protoc_gen_nats.project.lock import LOCK_NAME, read_lock

__all__ = ["Action", "Change", "plan"]


class Action(enum.Enum):
    """What becomes of a file."""

    WRITE = "write"
    BEGIN = "begin"
    """It is written once: from then on it belongs to the user."""

    REMOVE = "remove"
    KEEP = "keep"
    """Nothing generates it any more, but it was edited or never was the generator's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What becomes of one file."""

    path: str
    action: Action
    old: bytes
    """What is there."""

    new: bytes
    """What will be there."""

    edited: bool = False
    """Whether somebody edited the generated file that would be overwritten."""

    @property
    def diff(self) -> str:
        """From what is there to what will be there, as a unified diff."""
        return difference(self.path, self.old, self.new)


def plan(root: Path, rendered: Rendered) -> Iterator[Change]:
    """Decides what a generation changes in the files of a project.

    Raises:
        UserError: The lock is wrong, or a folder of generated files is a link to elsewhere.
    """
    lock = read_lock(root)
    for one in find_drift(root, rendered.owned, rendered.digests, lock):
        if one.state is State.ORPHANED:
            content = content_of(root / one.path)
            generated = not one.foreign and content is not None and lock.holds(one.path, content)
            action = Action.REMOVE if generated else Action.KEEP
        elif one.path == LOCK_NAME:
            continue
        else:
            action = Action.WRITE
        edited = one.state is State.HAND_EDITED
        yield Change(path=one.path, action=action, old=one.old, new=one.new, edited=edited)
    for path, content in rendered.scaffolds.items():
        if not os.path.lexists(root / path):
            yield Change(path=path, action=Action.BEGIN, old=b"", new=content)
