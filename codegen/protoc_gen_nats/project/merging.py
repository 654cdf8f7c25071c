"""Merging what a schema adds into an implementation that somebody wrote.

git merges. It is helped to see methods where it sees lines: marks around each method and import
keep what the user wrote apart from what is added beside it, and are taken out again.
"""

from __future__ import annotations

import ast
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.project.blocks import Source, class_of

__all__ = ["Merge", "add_missing", "has_markers", "merge"]

_LABELS = ("yours", "as it was begun", "from the schemas now")


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """What became of an implementation."""

    text: str
    conflicts: int = 0
    """How many places have git's markers."""

    kept: tuple[str, ...] = ()
    """Methods that no schema has any more, and that somebody filled in."""

    problem: str = ""
    """Why nothing could be merged."""


def has_markers(text: str) -> bool:
    """Whether conflicts of an earlier merge are not resolved."""
    starts = {line[:8] for line in text.splitlines()}
    return "<<<<<<< " in starts and ">>>>>>> " in starts


def merge(base: str, ours: str, theirs: str) -> Merge:
    """Merges three versions of a file.

    Args:
        base: As it was begun.
        ours: As the user has it.
        theirs: As it would be begun now.

    Raises:
        UserError: git is missing, or fails.
    """
    name = class_of(theirs)
    if name is not None:
        # No Python, which taking a method out may make of it, or no such class.
        with suppress(ValueError):
            old, mine, new = (Source(text, name) for text in (base, ours, theirs))
            return _merge_methods(old, mine, new, name)
    return _git(base, ours, theirs)


def _merge_methods(old: Source, mine: Source, new: Source, name: str) -> Merge:
    there_already = [one for one in new.blocks if one not in old.blocks and one in mine.blocks]
    new = Source(new.without(there_already), name)
    gone = [one for one in old.names() if one not in new.blocks and one in mine.blocks]
    kept = [one for one in gone if old.blocks[one].is_method and mine.code(one) != old.code(one)]
    for one in kept:
        if after := old.before(one, new.blocks):
            new = Source(new.with_block(after, old.code(one)), name)
    untouched = [one for one in gone if one not in kept]
    dropped = [
        one for one in untouched if old.blocks[one].is_method or mine.code(one) == old.code(one)
    ]
    old = Source(old.without(untouched), name)
    merged = _merge_blocks(old, Source(mine.without(dropped), name), new)
    if needed := [
        one for one in dropped if not mine.blocks[one].is_method and _uses(merged.text, one)
    ]:
        # What the user wrote needs these imports: they become the user's.
        dropped = [one for one in dropped if one not in needed]
        merged = _merge_blocks(old, Source(mine.without(dropped), name), new)
    return replace(merged, kept=tuple(kept))


def _uses(text: str, imported: str) -> bool:
    """Whether a module speaks of what an import gives it."""
    (statement,) = ast.parse(imported).body
    assert isinstance(statement, (ast.Import, ast.ImportFrom))
    names = [one.asname or one.name.partition(".")[0] for one in statement.names]
    spoken = "\n".join(
        line for line in text.split("\n") if not line.startswith(("import ", "from "))
    )
    return any(re.search(rf"\b{re.escape(name)}\b", spoken) for name in names)


def _merge_blocks(old: Source, mine: Source, new: Source) -> Merge:
    mark = "# protonats:"
    while any(mark in source.text for source in (old, mine, new)):
        mark += ":"
    known = old.blocks.keys()
    merged = _git(
        _marked(old, known, mark),
        _marked(mine, known, mark),
        _marked(new, known, mark, adding=True),
    )
    text = "\n".join(line for line in merged.text.split("\n") if not line.startswith(mark))
    return replace(merged, text=text)


def add_missing(ours: str, theirs: str) -> Merge:
    """Adds methods that an implementation lacks, and changes nothing else.

    That is all that can be done where nobody knows how the file was begun.
    """
    name = class_of(theirs)
    if name is None:
        return Merge(text=ours)
    new = Source(theirs, name)
    try:
        mine = Source(ours, name)
    except ValueError as error:
        return Merge(text=ours, problem=str(error))
    missing = [one for one in new.names() if one not in mine.blocks]
    if not any(new.blocks[one].is_method for one in missing):
        return Merge(text=ours)
    for one in missing:
        after = new.before(one, mine.blocks) or _last(mine, new.blocks[one].is_method)
        if after is None:
            return Merge(text=ours, problem=f"has nothing beside which {one} could stand")
        mine = Source(mine.with_block(after, new.code(one)), name)
    return Merge(text=mine.text)


def _last(source: Source, method: bool) -> str | None:
    found = [one for one in source.names() if source.blocks[one].is_method == method]
    return found[-1] if found else None


def _marked(source: Source, known: Collection[str], mark: str, *, adding: bool = False) -> str:
    """A file with marks in it.

    Two stand behind each known block: what a schema adds there (`adding`) stands between them, and
    what the user adds stands behind them. One more stands between a signature and its statements.
    """
    marks: dict[int, list[str]] = defaultdict(list)
    names = source.names()
    for index, name in enumerate(names):
        if name not in known:
            continue
        block = source.blocks[name]
        slot = block.end
        for later in (source.blocks[one] for one in names[index + 1 :]):
            if not adding or later.name in known or later.is_method != block.is_method:
                break
            slot = later.end
        if block.body is not None:
            marks[block.body].append(f"{mark} body {name}\n")
        marks[block.end].append(f"{mark} end {name}\n")
        marks[slot].append(f"{mark} slot {name}\n")
    lines = []
    for number, line in enumerate([*source.lines, ""]):
        lines += [*marks.get(number, ()), line]
    return "".join(lines)


def _git(base: str, ours: str, theirs: str) -> Merge:
    with tempfile.TemporaryDirectory(prefix="protonats-") as temporary:
        for name, text in (("ours", ours), ("base", base), ("theirs", theirs)):
            Path(temporary, name).write_text(text, encoding="utf-8", newline="")
        labels = [part for label in _LABELS for part in ("-L", label)]
        command = ["git", "merge-file", "-p", "--diff3", *labels, "ours", "base", "theirs"]
        try:
            done = subprocess.run(command, cwd=temporary, capture_output=True, check=False)
        except FileNotFoundError as error:
            text = "git is not installed, and merges what the schemas add: install it"
            raise UserError.of(text) from error
    if done.returncode > 127:
        raise UserError.of(f"git merge-file: {done.stderr.decode(errors='replace').strip()}")
    return Merge(text=done.stdout.decode(), conflicts=done.returncode)
