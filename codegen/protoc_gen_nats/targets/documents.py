"""`docs/`: what people and tools read about the services. The manifest chooses which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.targets import asyncapi, catalogue, openapi

__all__ = ["plan"]

_Plan = Callable[[Schema, Manifest], Iterator[GeneratedFile | PlannedFile]]
_PLANS: Mapping[str, _Plan] = {
    "asyncapi": asyncapi.plan,
    "openapi": openapi.render,
    "catalogue": catalogue.plan,
}


def plan(schema: Schema, manifest: Manifest) -> Iterator[GeneratedFile | PlannedFile]:
    """Plans the documents that the manifest names; each is left out where it would be empty."""
    for name in manifest.documents:
        yield from _PLANS[name](schema, manifest)
