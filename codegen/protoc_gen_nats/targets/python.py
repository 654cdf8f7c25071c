"""Typed clients, servers, publishers and message stubs in Python."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.model import Schema
from protoc_gen_nats.targets import python_messages, python_services

__all__ = ["render"]


def render(schema: Schema) -> Iterator[GeneratedFile]:
    """Renders `<schema>_pb2.pyi` of every schema, and `<schema>_nats.py` of those with services."""
    for file in schema.files:
        yield python_messages.render(file)
        if file.services:
            yield python_services.render(file)
