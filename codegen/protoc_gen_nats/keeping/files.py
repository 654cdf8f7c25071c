"""Which of the generated files still say what would be rendered."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from protoc_gen_nats.contents import content_of, digest
from protoc_gen_nats.files import PlannedFile
from protoc_gen_nats.keeping.store import KeptFile
from protoc_gen_nats.model import File

__all__ = ["Renderer"]


class Renderer:
    """Renders what is planned, where the file on disk is not known to be the same.

    Attributes:
        kept: What the next run can know, by path.
    """

    def __init__(
        self, root: Path, kept: Mapping[str, KeptFile], schemas: Mapping[str, str], common: bytes
    ) -> None:
        """
        Args:
            root: The project.
            kept: What the last run knew.
            schemas: For each schema a digest of its text and of all that it imports, by path.
            common: What has a part in every file.
        """
        self.kept: dict[str, KeptFile] = {}
        self._root = root
        self._known = kept
        self._schemas = schemas
        self._common = common
        self._digests: dict[str, bytes] = {}

    def content(self, path: str, planned: PlannedFile) -> bytes:
        """What a file holds.

        Args:
            path: Where it is below the project.
            planned: How it is rendered.
        """
        key = self._key(planned)
        known = self._known.get(path)
        if known and known.key == key:
            found = content_of(self._root / path)
            if found is not None and digest(found) == known.content:
                self.kept[path] = known
                return found
        content = planned.render().content
        self.kept[path] = KeptFile(key=key, content=digest(content))
        return content

    def _key(self, planned: PlannedFile) -> str:
        parts = [self._common, pickle.dumps(planned.beside), *map(self._digest, planned.files)]
        return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()

    def _digest(self, file: File) -> bytes:
        """The digest of a schema, and of what others that it names say of it."""
        if file.path not in self._digests:
            names = (file.path, file.module, file.nats_module, file.public_imports)
            value = (self._schemas[file.path], names, file.services, file.events)
            self._digests[file.path] = sha256(pickle.dumps(value)).digest()
        return self._digests[file.path]
