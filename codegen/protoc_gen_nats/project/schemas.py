"""Which schemas a project has, and where their problems stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from protoc_gen_nats.errors import Place, Problem, UserError
from protoc_gen_nats.manifest import Manifest

__all__ = ["find_schemas", "from_root", "places_from_root"]


def find_schemas(root: Path, manifest: Manifest) -> dict[str, str]:
    """The schemas of a project, relative to their folders, and these folders.

    Raises:
        UserError: There are none, or imports could mean two of them.
    """
    found: dict[str, str] = {}
    for folder, name in _by_folder(root, manifest):
        if (other := found.setdefault(name, folder)) != folder:
            text = f"{other}/{name} hides it, as imports name both {name}: rename one of them"
            raise UserError.of(text, Place(f"{folder}/{name}"))
    if not found:
        text = f"no schemas in {', '.join(manifest.proto_roots)}: write a .proto file there"
        raise UserError.of(text, Place(manifest.path))
    return found


def _by_folder(root: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    for folder in manifest.proto_roots:
        base = root / folder
        if not base.is_dir():
            place = Place(manifest.path)
            raise UserError.of(f"proto.roots names {folder!r}, which is no folder", place)
        for path in sorted(base.rglob("*.proto")):
            name = path.relative_to(base).as_posix()
            excluded = any(fnmatch(name, pattern) for pattern in manifest.exclude)
            if path.is_file() and not excluded:
                yield folder, name


@contextmanager
def places_from_root(folders: Mapping[str, str]) -> Iterator[None]:
    """Gives the problems that are found the places that an editor opens.

    Args:
        folders: What `find_schemas` found.
    """
    try:
        yield
    except UserError as error:
        raise UserError(from_root(problem, folders) for problem in error.problems) from error


def from_root(problem: Problem, folders: Mapping[str, str]) -> Problem:
    """A problem in a schema, whose place is a path from the project's root."""
    folder = folders.get(problem.place.path)
    if folder is None:
        return problem
    path = Path(folder, problem.place.path).as_posix()
    return replace(problem, place=replace(problem.place, path=path))
