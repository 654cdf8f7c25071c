"""Names: from the schema's to Python's and to subjects."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

__all__ = [
    "COMMON_PACKAGES",
    "NATS_NAME",
    "NATS_NAME_RULE",
    "PROVIDED_PACKAGES",
    "PackageVersion",
    "class_stem",
    "escape",
    "escape_nested",
    "handler_name",
    "implementation_package",
    "is_member",
    "member_name",
    "module_of",
    "publisher_name",
    "snake_case",
    "stub_module",
    "version_of_package",
]

COMMON_PACKAGES = (
    "google.api.",
    "google.cloud.common_resources",
    "google.cloud.extended_operations",
    "google.cloud.location.",
    "google.gapic.metadata.",
    "google.logging.",
    "google.longrunning.",
    "google.rpc.",
    "google.type.",
)
"""What googleapis-common-protos has the modules of. Their stubs are protoc's own, and not marked as
typed."""

PROVIDED_PACKAGES = (*COMMON_PACKAGES, "google.protobuf.", "protonats.v1.")
"""What installed packages have the modules of."""

NATS_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""What services (ADR-32), consumers and buckets may be called."""

NATS_NAME_RULE = "write letters, digits, `_` and `-`"

_MESSAGE_MEMBERS = frozenset(
    {
        *("ByteSize", "Clear", "ClearExtension", "ClearField", "CopyFrom", "DESCRIPTOR"),
        *("DiscardUnknownFields", "Extensions", "FindInitializationErrors", "FromString"),
        *("HasExtension", "HasField", "IsInitialized", "ListFields", "MergeFrom"),
        *("MergeFromString", "ParseFromString", "SerializePartialToString"),
        *("SerializeToString", "SetInParent", "UnknownFields", "WhichOneof", "mro"),
    }
)

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|[0-9]+|_+")
_VERSION = re.compile(r"v(?P<major>[1-9][0-9]*)(?P<channel>(alpha|beta)[0-9]*)?")
_USED_BY_CLASSES = frozenset({"abstractmethod", "float", "mro", "protonats", "str"})


def snake_case(name: str) -> str:
    """`GenerateQuest` is `generate_quest`, `GetHTTPStatus` is `get_http_status`."""
    words = (word for word in _WORD.findall(name) if not word.startswith("_"))
    lead = "_" * (len(name) - len(name.lstrip("_")))
    return lead + "_".join(word.lower() for word in words)


def escape(name: str) -> str:
    """A Python identifier for `name`: keywords, and keywords with underscores behind, get one more.

    No two names become equal: `class` is `class_`, `class_` is `class__`.
    """
    return f"{name}_" if keyword.iskeyword(name.rstrip("_") or name) else name


def escape_nested(name: str) -> str:
    """A Python identifier for a type in a message, which must not be called like a member of all
    messages either. No two names become equal, as with `escape`."""
    return f"{name}_" if is_member(name.rstrip("_")) else escape(name)


def is_member(name: str) -> bool:
    """Whether every message has an attribute of that name, which hides a field or type so called.

    It is reached by its descriptor alone.
    """
    return name in _MESSAGE_MEMBERS


def class_stem(service: str) -> str:
    """What the names of a service's classes begin with: `Quest` of `QuestClient`.

    Names that begin with `__` mean another one inside classes, and get `Rpc` before them.
    """
    return f"Rpc{service}" if service.startswith("__") else service


def member_name(name: str) -> str:
    """The attribute of a class that stands for an RPC or an event: `GenerateQuest` is
    `generate_quest`.

    Names that begin with `_` are the runtime's own and get `rpc` before them. What the class itself
    refers to (`float`, `abstractmethod`, the message modules) gets `_` behind, as keywords do.
    """
    snake = snake_case(name)
    if snake.startswith("_"):
        return f"rpc{snake}"
    if snake in _USED_BY_CLASSES or snake.endswith("_pb2"):
        return f"{snake}_"
    return escape(snake)


def module_of(proto_path: str) -> str:
    """The Python module that protoc writes for a schema: `a/b-c.proto` is `a.b_c_pb2`."""
    return _module(proto_path) + "_pb2"


def stub_module(proto_path: str) -> str:
    """The Python module of a schema's clients and servers: `a/b-c.proto` is `a.b_c_nats`."""
    return _module(proto_path) + "_nats"


def _module(proto_path: str) -> str:
    stem = proto_path.removesuffix(".protodevel").removesuffix(".proto")
    return stem.replace("-", "_").replace("/", ".")


def handler_name(event: str) -> str:
    """The Python method that takes an event: `QuestGenerated` is `on_quest_generated`."""
    return f"on_{snake_case(event).lstrip('_')}"


def publisher_name(event: str) -> str:
    """The Python method that publishes an event: `QuestGenerated` is `publish_quest_generated`."""
    return f"publish_{snake_case(event).lstrip('_')}"


def implementation_package(service: str, version: str) -> str:
    """The Python package of a service's implementation: of `quest-log` in `v1` it is `quest_log`,
    in `v2` it is `quest_log_v2`."""
    name = service.replace("-", "_")
    name = f"{name}_{version}" if version != "v1" else escape(name)
    return name if name.isidentifier() else f"_{name}"


@dataclass(frozen=True, slots=True)
class PackageVersion:
    """A package, split at its version."""

    stem: str
    """The package without its version."""

    token: str
    """The version as it stands in subjects, `v1` if the package has none."""

    major: int
    channel: str
    """`beta1` and the like, or empty."""


def version_of_package(package: str) -> PackageVersion:
    """Splits a package at its version: `acme.billing.v2beta1` is `acme.billing` and `v2beta1`."""
    stem, _, last = package.rpartition(".")
    match = _VERSION.fullmatch(last)
    if not match:
        return PackageVersion(package, "v1", 1, "")
    return PackageVersion(stem, last, int(match["major"]), match["channel"] or "")
