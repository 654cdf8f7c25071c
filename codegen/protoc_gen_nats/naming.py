"""Names: from the schema's to Python's and to subjects."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

__all__ = [
    "NATS_NAME",
    "NATS_NAME_RULE",
    "PackageVersion",
    "escape",
    "handler_name",
    "module_of",
    "publisher_name",
    "python_method_name",
    "snake_case",
    "stub_module",
    "version_of_package",
]

NATS_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""What services (ADR-32), consumers and buckets may be called."""

NATS_NAME_RULE = "write letters, digits, `_` and `-`"

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|[0-9]+|_+")
_VERSION = re.compile(r"v(?P<major>[1-9][0-9]*)(?P<channel>(alpha|beta)[0-9]*)?")


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


def python_method_name(name: str) -> str:
    """The Python method of an RPC. Names that begin with `_` are the runtime's own, so such an RPC
    gets `rpc` before it."""
    snake = snake_case(name)
    return f"rpc{snake}" if snake.startswith("_") else escape(snake)


def module_of(proto_path: str) -> str:
    """The Python module that protoc writes for a schema: `a/b-c.proto` is `a.b_c_pb2`."""
    return _module(proto_path) + "_pb2"


def stub_module(proto_path: str) -> str:
    """The Python module of a schema's clients and servers: `a/b-c.proto` is `a.b_c_nats`."""
    return _module(proto_path) + "_nats"


def _module(proto_path: str) -> str:
    return proto_path.removesuffix(".proto").replace("-", "_").replace("/", ".")


def handler_name(event: str) -> str:
    """The Python method that takes an event: `QuestGenerated` is `on_quest_generated`."""
    return f"on_{snake_case(event).lstrip('_')}"


def publisher_name(event: str) -> str:
    """The Python method that publishes an event: `QuestGenerated` is `publish_quest_generated`."""
    return f"publish_{snake_case(event).lstrip('_')}"


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
