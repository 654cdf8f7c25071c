"""Symbolic links among generated files: what lies elsewhere is nobody's to overwrite."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from protoc_gen_nats.errors import Place, Problem, UserError

__all__ = ["check_links"]


def check_links(root: Path, paths: Iterable[str]) -> None:
    """Finds folders of files that are links to a place outside the project.

    Raises:
        UserError: There are some.
    """
    real_root = os.path.realpath(root)
    problems = []
    for folder in {str(PurePosixPath(path).parent) for path in paths}:
        real = os.path.realpath(root / folder)
        if os.path.commonpath((real, real_root)) != real_root:
            link = _link(root, folder)
            text = (
                f"a symbolic link to {os.readlink(root / link)}, outside the project, where nothing"
                " is written: delete the link"
            )
            problems.append(Problem(Place(link), text))
    if problems:
        raise UserError(problems)


def _link(root: Path, folder: str) -> str:
    """The first part of a path that leads elsewhere."""
    path = PurePosixPath()
    for part in PurePosixPath(folder).parts:
        path /= part
        if (root / path).is_symlink():
            break
    return path.as_posix()
