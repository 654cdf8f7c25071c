"""The files of a project at one time: in a folder, or at a git ref."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha1
from pathlib import Path
from typing import Any, Protocol

from protoc_gen_nats.comparing.sources import elsewhere, git_output
from protoc_gen_nats.contents import content_of
from protoc_gen_nats.errors import Place, UserError

__all__ = ["DEPLOY", "FolderTree", "GitTree", "Tree", "names_in", "read_json", "tree_of"]

DEPLOY = "generated/deploy"
"""The folder of a project in which everything is that a deployment is made of."""


class Tree(Protocol):
    """Files by their path below the project, with `/` between its parts."""

    def below(self, path: str) -> Mapping[str, str]:
        """The digest of the file of this path, or of all files in this folder, by their paths."""
        ...

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where there is none."""
        ...


class FolderTree:
    """The files in a folder.

    Args:
        root: The folder.
        owned: What is in `generated/` in place of what is there.
    """

    def __init__(self, root: Path, owned: Mapping[str, bytes] | None = None) -> None:
        self._root = root
        self._owned = owned

    def below(self, path: str) -> Mapping[str, str]:
        found = {}
        for one in self._paths(path):
            if (content := self.read(one)) is not None:
                found[one] = _digest(content)
        return found

    def read(self, path: str) -> bytes | None:
        if self._owned is not None and path.startswith("generated/"):
            return self._owned.get(path)
        return content_of(self._root / path)

    def _paths(self, path: str) -> Iterator[str]:
        if self._owned is not None:
            yield from (one for one in self._owned if one == path or one.startswith(f"{path}/"))
        if (self._root / path).is_dir():
            for file in (self._root / path).rglob("*"):
                if "__pycache__" not in file.parts:
                    yield file.relative_to(self._root).as_posix()
        else:
            yield path


class GitTree:
    """The files of a project at a git ref."""

    def __init__(self, root: Path, ref: str) -> None:
        self._root = root
        self._ref = ref
        commit = f"{ref}^{{commit}}"
        git_output(root, "rev-parse", "--verify", "--quiet", "--end-of-options", commit)

    def below(self, path: str) -> Mapping[str, str]:
        return {
            one: digest
            for one, digest in self._digests.items()
            if one == path or one.startswith(f"{path}/")
        }

    def read(self, path: str) -> bytes | None:
        digest = self._digests.get(path)
        return None if digest is None else git_output(self._root, "cat-file", "blob", digest)

    @cached_property
    def _digests(self) -> Mapping[str, str]:
        listed = git_output(self._root, "ls-tree", "-r", "-z", self._ref, ".").decode()
        entries = (line.split("\t", 1) for line in listed.split("\0") if line)
        return {path: about.split()[2] for about, path in entries}


def tree_of(root: Path, name: str) -> Tree:
    """What a project is compared with.

    Args:
        root: The project.
        name: A folder, relative to the working directory, with another state of the project; else
            a git ref.

    Raises:
        UserError: There is no such thing, or nothing in it is for a deployment.
    """
    with elsewhere(name):
        tree: Tree = FolderTree(Path(name)) if Path(name).is_dir() else GitTree(root, name)
        if not tree.below(DEPLOY):
            raise UserError.of(f"has no {DEPLOY}: compare with what was generated and committed")
        return tree


def read_json(tree: Tree, path: str) -> Any:
    """The value of a generated JSON file; None where there is none.

    Raises:
        UserError: It is none.
    """
    content = tree.read(path)
    try:
        return None if content is None else json.loads(content)
    except ValueError as error:
        raise UserError.of(f"no JSON: {error}: generate it again", Place(path)) from None


def names_in(tree: Tree, folder: str) -> set[str]:
    """The names of what is in a folder of a tree."""
    return {path.removeprefix(f"{folder}/").partition("/")[0] for path in tree.below(folder)}


def _digest(content: bytes) -> str:
    # What git calls a file by: no secret depends on it.
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
