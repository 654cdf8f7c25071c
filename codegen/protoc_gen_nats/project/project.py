"""A project on disk: its manifest, its schemas, and the files that follow from them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from protoc_gen_nats import __version__
from protoc_gen_nats.building.schema import build
from protoc_gen_nats.errors import Place, Problem, UserError
from protoc_gen_nats.manifest import Manifest, load_manifest
from protoc_gen_nats.project.drift import Drift, State, find_drift
from protoc_gen_nats.project.lock import LOCK_NAME, OWNED, Lock, content_of, digest, read_lock
from protoc_gen_nats.project.writing import write_all, write_file
from protoc_gen_nats.protoc import compile_schemas
from protoc_gen_nats.rules.modules import check_modules
from protoc_gen_nats.rules.schema_set import check_complete, check_subjects
from protoc_gen_nats.rules.streams import check_streams
from protoc_gen_nats.targets import jetstream, python, scaffold, services

__all__ = ["Outcome", "Project", "Rendered"]

MANIFEST_NAME = "protonats.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """All that the schemas and the manifest turn into."""

    owned: Mapping[str, bytes]
    """Files that are always rewritten, by path relative to the project."""

    scaffolds: Mapping[str, bytes]
    """Files that are written once."""

    toolchain: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a generation did, as paths relative to the project."""

    written: tuple[str, ...]
    scaffolded: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    """Files that nothing generates any more, kept because they were edited or never were the
    generator's."""

    unchanged: int


class Project:
    """The folder that holds a manifest."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def render(self) -> Rendered:
        """Turns schemas and manifest into files, and writes none of them.

        Raises:
            UserError: Something is wrong with the manifest or a schema.
        """
        manifest = load_manifest(self.root / MANIFEST_NAME)
        folders = self._schemas(manifest)
        try:
            return self._render(manifest, list(folders))
        except UserError as error:
            raise UserError(_from_root(problem, folders) for problem in error.problems) from error

    def _render(self, manifest: Manifest, paths: list[str]) -> Rendered:
        if problems := list(check_modules(paths)):
            raise UserError(problems)
        compiled = compile_schemas(self.root, manifest.proto_roots, paths)
        schema = build(compiled.protos, compiled.generate, complete=True)
        problems = [
            *check_subjects(schema),
            *check_complete(schema),
            *check_streams(schema, manifest),
        ]
        if problems:
            raise UserError(problems)
        files = [
            *((f"{OWNED}/python", file) for file in python.render(schema)),
            *((OWNED, file) for file in jetstream.render(schema, manifest)),
            *((OWNED, file) for file in services.render(schema)),
        ]
        owned = {f"{OWNED}/python/{path}": content for path, content in compiled.modules.items()}
        owned.update((f"{folder}/{file.path}", file.content) for folder, file in files)
        return Rendered(
            owned=owned,
            scaffolds={file.path: file.content for file in scaffold.render(schema)},
            toolchain={"protobuf": compiled.toolchain, "protonats": __version__},
        )

    def drift(self, rendered: Rendered) -> list[Drift]:
        """How the owned files and the lock differ from what they should be."""
        return find_drift(self.root, rendered.owned, read_lock(self.root))

    def recorded_toolchain(self) -> Mapping[str, str]:
        """The versions with which the files were generated."""
        return read_lock(self.root).toolchain

    def write(self, rendered: Rendered, *, force: bool = False) -> Outcome:
        """Makes the files on disk what they should be.

        Args:
            rendered: What they should be.
            force: Whether to overwrite files that were edited by hand.

        Raises:
            UserError: Files were edited by hand and `force` is not given; nothing is written.
        """
        drift = self.drift(rendered)
        edited = [one for one in drift if one.state is State.HAND_EDITED]
        if edited and not force:
            raise UserError.of(
                f"{', '.join(one.path for one in edited)}: edited by hand, and generating would"
                " lose that: see it with `protonats check`, then move the edit to the schema or to"
                " services/, and overwrite it with `protonats generate --force`"
            )
        lock = read_lock(self.root)
        write = [one.path for one in drift if one.path in rendered.owned]
        orphans = [one.path for one in drift if one.state is State.ORPHANED]
        removed = [path for path in orphans if self._is_as_recorded(path, lock)]
        scaffolded = [path for path in rendered.scaffolds if not os.path.lexists(self.root / path)]
        contents = {path: rendered.owned[path] for path in write}
        contents.update((path, rendered.scaffolds[path]) for path in scaffolded)
        new_lock = Lock(
            toolchain=rendered.toolchain,
            files={path: digest(content) for path, content in rendered.owned.items()},
        ).serialize()
        write_all(self.root, contents)
        for path in removed:
            self._remove(path)
        # Last: what it records is done, and what an interruption left undone it does not hide.
        if content_of(self.root / LOCK_NAME) != new_lock:
            write_file(self.root / LOCK_NAME, new_lock)
        return Outcome(
            written=tuple(write),
            scaffolded=tuple(scaffolded),
            removed=tuple(removed),
            kept=tuple(path for path in orphans if path not in removed),
            unchanged=len(rendered.owned) - len(write),
        )

    def _is_as_recorded(self, path: str, lock: Lock) -> bool:
        content = content_of(self.root / path)
        return content is not None and lock.files.get(path) == digest(content)

    def _remove(self, path: str) -> None:
        """Removes a file, and the folders that hold nothing but byte code without it."""
        target = self.root / path
        target.unlink(missing_ok=True)
        for folder in target.parents:
            if folder == self.root:
                return
            # Another run may be faster.
            with suppress(FileNotFoundError):
                if any(entry.name != "__pycache__" for entry in folder.iterdir()):
                    return
                shutil.rmtree(folder)

    def _schemas(self, manifest: Manifest) -> dict[str, str]:
        """The schemas of the project, relative to their folders, and these folders."""
        found: dict[str, str] = {}
        for folder, name in self._schemas_by_folder(manifest):
            if (other := found.setdefault(name, folder)) != folder:
                text = f"{other}/{name} hides it, as imports name both {name}: rename one of them"
                raise UserError.of(text, Place(f"{folder}/{name}"))
        if not found:
            text = f"no schemas in {', '.join(manifest.proto_roots)}: write a .proto file there"
            raise UserError.of(text, Place(manifest.path))
        return found

    def _schemas_by_folder(self, manifest: Manifest) -> Iterator[tuple[str, str]]:
        for folder in manifest.proto_roots:
            base = self.root / folder
            if not base.is_dir():
                place = Place(manifest.path)
                raise UserError.of(f"proto.roots names {folder!r}, which is no folder", place)
            for path in sorted(base.rglob("*.proto")):
                name = path.relative_to(base).as_posix()
                excluded = any(fnmatch(name, pattern) for pattern in manifest.exclude)
                if path.is_file() and not excluded:
                    yield folder, name


def _from_root(problem: Problem, folders: Mapping[str, str]) -> Problem:
    """A problem whose place is a path from the project's root, as an editor opens it."""
    folder = folders.get(problem.place.path)
    if folder is None:
        return problem
    path = Path(folder, problem.place.path).as_posix()
    return replace(problem, place=replace(problem.place, path=path))
