"""Which of the kept schemas are still what protoc would make of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import accumulate, chain
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    SourceCodeInfo,
)

from protoc_gen_nats.descriptors import in_outline
from protoc_gen_nats.keeping.store import KeptSchema

__all__ = ["Sources", "clash", "digests", "kept_schema", "still_valid"]


class Sources:
    """The texts of schemas, each read once."""

    def __init__(self, root: Path, folders: Sequence[str]) -> None:
        """
        Args:
            root: The project.
            folders: The folders below it in which imports are looked up, the first one first.
        """
        self._folders = [root / folder for folder in folders]
        self._digests: dict[str, str] = {}

    def digest(self, path: str) -> str:
        """The digest of a schema; empty: the project does not have it."""
        if path not in self._digests:
            self._digests[path] = self._read(path)
        return self._digests[path]

    def unchanged(self, paths: Iterable[str]) -> bool:
        """Whether the texts of some schemas are still what they were."""
        return all(self._read(path) == self.digest(path) for path in paths)

    def _read(self, path: str) -> str:
        for folder in self._folders:
            try:
                return sha256((folder / path).read_bytes()).hexdigest()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:  # protoc says what is wrong
                return "unreadable"
        return ""


def still_valid(kept: Mapping[str, KeptSchema], sources: Sources) -> dict[str, KeptSchema]:
    """Those of which neither the text nor that of anything they import has changed."""
    valid: dict[str, bool] = {}

    def check(path: str) -> bool:
        if path not in valid:
            one = kept.get(path)
            valid[path] = False  # until it is known, for imports that go in a circle
            valid[path] = (
                one is not None
                and sources.digest(path) == one.source
                and all(map(check, one.imports))
            )
        return valid[path]

    return {path: one for path, one in kept.items() if check(path)}


def digests(schemas: Mapping[str, KeptSchema]) -> dict[str, str]:
    """For each schema a digest of its text and of those of all that it imports."""
    found: dict[str, str] = {}

    def digest(path: str) -> str:
        if path not in found:
            one = schemas[path]
            text = "\0".join((path, one.source, *map(digest, one.imports)))
            found[path] = sha256(text.encode(errors="surrogateescape")).hexdigest()
        return found[path]

    for path in schemas:
        digest(path)
    return found


def clash(schemas: Iterable[tuple[str, KeptSchema]]) -> bool:
    """Whether two schemas declare the same, which protoc finds only in those of one run."""
    owners: dict[str, str] = {}
    packages: set[str] = set()
    for path, one in schemas:
        packages.update(one.packages)
        if any(owners.setdefault(name, path) != path for name in one.names):
            return True
    return not packages.isdisjoint(owners)


def kept_schema(proto: FileDescriptorProto, source: str, module: bytes) -> KeptSchema:
    """What is kept of a schema that protoc has compiled."""
    positions = proto.source_code_info.SerializeToString()
    outline = FileDescriptorProto()
    outline.CopyFrom(proto)
    wanted = [place for place in proto.source_code_info.location if in_outline(place.path)]
    outline.source_code_info.CopyFrom(SourceCodeInfo(location=wanted))
    return KeptSchema(
        source=source,
        imports=(*proto.dependency, *getattr(proto, "option_dependency", ())),
        packages=tuple(accumulate(proto.package.split("."), "{}.{}".format)),
        names=tuple(_names(proto)),
        outline=outline.SerializeToString(),
        positions=positions,
        module=module,
    )


def _names(proto: FileDescriptorProto) -> Iterator[str]:
    """The full names at the top of a schema, and the numbers of its extensions."""
    prefix = f"{proto.package}." if proto.package else ""
    yield from (prefix + message.name for message in proto.message_type)
    yield from (prefix + service.name for service in proto.service)
    yield from (prefix + extension.name for extension in proto.extension)
    for enum in proto.enum_type:
        yield prefix + enum.name
        # The values of an enum stand beside it.
        yield from (prefix + value.name for value in enum.value)
    for extension in chain(proto.extension, _nested_extensions(proto.message_type)):
        yield f"{extension.extendee} {extension.number}"


def _nested_extensions(messages: Iterable[DescriptorProto]) -> Iterator[FieldDescriptorProto]:
    for message in messages:
        yield from message.extension
        yield from _nested_extensions(message.nested_type)
