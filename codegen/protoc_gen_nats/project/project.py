"""A project on disk: its manifest, its schemas, and the files that follow from them."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from protoc_gen_nats.building.schema import build
from protoc_gen_nats.contents import content_of
from protoc_gen_nats.errors import Problem, Severity, UserError
from protoc_gen_nats.keeping.store import Kept, read_kept
from protoc_gen_nats.manifest import Manifest, load_manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.project.artefacts import Rendered, render_all
from protoc_gen_nats.project.begun import RECORDS, record_path, stale_records
from protoc_gen_nats.project.drift import Drift, find_drift
from protoc_gen_nats.project.lock import LOCK_NAME, OWNED, Lock, read_lock
from protoc_gen_nats.project.planning import Action, Change, plan
from protoc_gen_nats.project.schemas import find_schemas, from_root, places_from_root
from protoc_gen_nats.project.updating import ScaffoldUpdate, outdated, plan_updates
from protoc_gen_nats.protoc import Compiled, compile_schemas
from protoc_gen_nats.rules.deployment import check_deployment
from protoc_gen_nats.rules.modules import check_modules
from protoc_gen_nats.rules.schema_set import check_complete, check_subjects
from protoc_gen_nats.rules.streams import check_streams
from protoc_gen_nats.writing import exclusive, sweep, write_all, write_file

__all__ = ["Outcome", "Project", "Rendered"]

MANIFEST_NAME = "protonats.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a generation did, as paths relative to the project."""

    written: tuple[str, ...]
    scaffolded: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    """Files that nothing generates any more, kept because they were edited or never were the
    generator's."""

    outdated: tuple[str, ...]
    """Scaffolds that would be begun otherwise now than they were."""

    unchanged: int


class Project:
    """The folder that holds a manifest."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifest(self) -> Manifest:
        """Reads and checks the manifest.

        Raises:
            UserError: It is missing or wrong.
        """
        return load_manifest(self.root / MANIFEST_NAME)

    def schema(self) -> Schema:
        """Compiles and builds the schemas. Rules of the whole set are not asked: see `render`.

        Raises:
            UserError: Something is wrong with the manifest or a schema.
        """
        return self.compiled()[1]

    def compiled(self) -> tuple[Compiled, Schema]:
        """Compiles and builds the schemas, as `schema` does, and gives the descriptors too."""
        manifest = self.manifest()
        with places_from_root(folders := find_schemas(self.root, manifest)):
            return self._built(manifest, list(folders), read_kept(self.root))

    def render(self) -> Rendered:
        """Turns schemas and manifest into files, and writes none of them.

        Raises:
            UserError: Something is wrong with the manifest or a schema.
        """
        with _collecting_seldom():
            manifest, kept = self.manifest(), read_kept(self.root)
            with places_from_root(folders := find_schemas(self.root, manifest)):
                compiled, schema = self._built(manifest, list(folders), kept)
                problems = _checked(schema, manifest)
            warnings = tuple(sorted(from_root(problem, folders) for problem in problems))
            return render_all(self.root, manifest, compiled, schema, kept, warnings)

    def _built(self, manifest: Manifest, paths: list[str], kept: Kept) -> tuple[Compiled, Schema]:
        if problems := list(check_modules(paths, manifest.python)):
            raise UserError(problems)
        compiled = compile_schemas(
            self.root, manifest.proto_roots, paths, manifest.python, kept.schemas
        )
        schema = build(
            compiled.protos,
            compiled.generate,
            complete=True,
            python=manifest.python,
            positions=compiled.positions,
        )
        return compiled, schema

    def drift(self, rendered: Rendered) -> list[Drift]:
        """How the owned files and the lock differ from what they should be."""
        return find_drift(self.root, rendered.owned, rendered.digests, read_lock(self.root))

    def recorded_toolchain(self) -> Mapping[str, str]:
        """The versions with which the files were generated."""
        return read_lock(self.root).toolchain

    def outdated(self, rendered: Rendered) -> list[str]:
        """The scaffolds into which `update` has something to merge."""
        return outdated(self.root, rendered.scaffolds)

    def plan(self, rendered: Rendered) -> list[Change]:
        """What `write` would do."""
        return list(plan(self.root, rendered))

    def write(self, rendered: Rendered, *, force: bool = False) -> Outcome:
        """Makes the files on disk what they should be.

        Args:
            rendered: What they should be.
            force: Whether to overwrite files that were edited by hand.

        Raises:
            UserError: Files were edited by hand and `force` is not given; nothing is written.
        """
        with exclusive(self.root) as alone:
            return self._write(rendered, force, alone)

    def update(
        self, rendered: Rendered, *, force: bool = False
    ) -> tuple[Outcome, list[ScaffoldUpdate]]:
        """Makes the files on disk what they should be, and merges into scaffolds what the schemas
        say now.

        Raises:
            UserError: As `write`; or git is needed and missing. Nothing is written.
        """
        with exclusive(self.root) as alone:
            updates = self.plan_updates(rendered)
            outcome = self._write(rendered, force, alone)
            for one in updates:
                write_all(self.root, one.files)
            return outcome, updates

    def plan_updates(self, rendered: Rendered) -> list[ScaffoldUpdate]:
        """What `update` would do with scaffolds."""
        return list(plan_updates(self.root, rendered.scaffolds))

    def _write(self, rendered: Rendered, force: bool, alone: bool) -> Outcome:
        changes: dict[Action, list[str]] = {action: [] for action in Action}
        edited = []
        for change in self.plan(rendered):
            changes[change.action].append(change.path)
            edited += [change.path] if change.edited else []
        if edited and not force:
            raise UserError.of(
                f"{', '.join(edited)}: edited by hand, and generating would"
                " lose that: see it with `protonats check`, then move the edit to the schema or to"
                " services/, and overwrite it with `protonats generate --force`"
            )
        old_lock = read_lock(self.root)
        scaffolded = changes[Action.BEGIN]
        written = {path: rendered.owned[path] for path in changes[Action.WRITE]}
        contents = dict(written)
        # Its record first: where a run is interrupted between them, the next one begins the file.
        for path in scaffolded:
            contents[record_path(path)] = contents[path] = rendered.scaffolds[path]
        new_lock = Lock(
            toolchain=rendered.toolchain,
            files=rendered.digests,
        ).serialize()
        if alone:
            sweep(self.root, (OWNED, "services", RECORDS))
        if written:
            # First, so that what an interruption leaves is not taken for edits by hand.
            pending = {path: rendered.digests[path] for path in written}
            contents = {LOCK_NAME: replace(old_lock, pending=pending).serialize(), **contents}
        write_all(self.root, contents)
        for path in (*changes[Action.REMOVE], *stale_records(self.root, rendered.scaffolds)):
            self._remove(path)
        # Last: what it records is done, and what an interruption left undone it does not hide.
        if content_of(self.root / LOCK_NAME) != new_lock:
            write_file(self.root / LOCK_NAME, new_lock)
        return Outcome(
            written=tuple(changes[Action.WRITE]),
            scaffolded=tuple(scaffolded),
            removed=tuple(changes[Action.REMOVE]),
            kept=tuple(changes[Action.KEEP]),
            outdated=tuple(self.outdated(rendered)),
            unchanged=len(rendered.owned) - len(changes[Action.WRITE]),
        )

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


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Has Python look for garbage in circles less often: of what is built here little is, and of
    many schemas it would look through all again and again."""
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _checked(schema: Schema, manifest: Manifest) -> list[Problem]:
    """What the rules of the whole set warn of.

    Raises:
        UserError: A rule is broken.
    """
    problems = [
        *check_subjects(schema),
        *check_complete(schema),
        *check_streams(schema, manifest),
        *check_deployment(schema, manifest),
    ]
    if errors := [one for one in problems if one.severity is Severity.ERROR]:
        raise UserError(errors)
    return problems
