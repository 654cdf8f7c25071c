"""`deploy/`: what the Terraform modules read, and what an environment costs."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.targets.terraform import cost_pages, costs, variables

__all__ = ["plan"]


def plan(schema: Schema, manifest: Manifest) -> Iterator[GeneratedFile]:
    """Plans the variables of every environment and its costs, and the variables of the registry."""
    deployment = manifest.deployment
    if deployment is None:
        return
    names = variables.names_of(schema, manifest)
    for environment in manifest.environments.values():
        yield variables.render(environment, deployment, names)
        yield from cost_pages.render(costs.of(environment, names))
    yield from variables.render_registry(manifest.environments, deployment, names)
