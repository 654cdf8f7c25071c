"""`deploy/`: everything that the platform needs to run in the environments of the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.targets import compose, delivery, ecs, images, monitoring, nats, terraform

__all__ = ["plan"]

FAMILIES: Sequence[Callable[[Schema, Manifest], Iterator[GeneratedFile | PlannedFile]]] = (
    images.plan,
    nats.plan,
    ecs.plan,
    terraform.plan,
    monitoring.plan,
    compose.plan,
    delivery.plan,
)


def plan(schema: Schema, manifest: Manifest) -> Iterator[GeneratedFile | PlannedFile]:
    """Plans all of it; nothing where the manifest has no `deployment`."""
    if manifest.deployment is not None:
        for family in FAMILIES:
            yield from family(schema, manifest)
