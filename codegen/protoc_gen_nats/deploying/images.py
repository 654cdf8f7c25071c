"""Which images have to be built anew: those of which something that goes into them differs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from protoc_gen_nats.deploying.changes import Action, Change, Detail
from protoc_gen_nats.deploying.trees import DEPLOY, Tree, names_in

__all__ = ["image_changes", "inputs_of"]

_FOLDER = f"{DEPLOY}/images"
_WHEELS = "build/wheels/"
"""Where `protonats wheels` collects, in folders by the path of the file with the requirements."""


def image_changes(before: Tree, after: Tree) -> Iterator[Change]:
    """The images that are new, of other files than before, or not there any more."""
    for name in sorted(_names(before) | _names(after)):
        old, new = inputs_of(before, name), inputs_of(after, name)
        if old == new:
            continue
        yield Change(
            section="images",
            environment=None,
            name=name,
            action=Action.ADD if not old else Action.CHANGE if new else Action.REMOVE,
            details=tuple(_details(old, new)) if old and new else (),
        )


def inputs_of(tree: Tree, name: str) -> Mapping[str, str]:
    """The digests of the files that go into an image, by their paths: its Dockerfile, and what
    that copies out of the project. Of wheels that are collected before it, the requirements are."""
    found = dict(tree.below(f"{_FOLDER}/{name}"))
    dockerfile = tree.read(f"{_FOLDER}/{name}/Dockerfile") or b""
    for source in _sources(dockerfile.decode()):
        found.update(tree.below(source))
    return found


def _names(tree: Tree) -> set[str]:
    return {name for name in names_in(tree, _FOLDER) if tree.below(f"{_FOLDER}/{name}/Dockerfile")}


def _sources(dockerfile: str) -> Iterator[str]:
    """What a Dockerfile copies out of its context."""
    for line in dockerfile.replace("\\\n", " ").splitlines():
        if not line.startswith("COPY "):
            continue
        words = shlex.split(line)
        flags = [word for word in words if word.startswith("--")]
        if not any(flag.startswith("--from=") for flag in flags):
            for word in words[1 + len(flags) : -1]:
                source = PurePosixPath(word).as_posix()
                wheels = source.removeprefix(_WHEELS)
                yield source if wheels == source else f"{wheels}.txt"


def _details(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Detail]:
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            yield Detail(
                what="file",
                before=path if path in old else None,
                after=path if path in new else None,
            )
