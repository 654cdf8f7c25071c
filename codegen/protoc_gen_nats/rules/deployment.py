"""Rules between schemas and the environments of the manifest."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.errors import Problem, Severity, did_you_mean
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.rules.users import check_users

__all__ = ["check_deployment"]


def check_deployment(schema: Schema, manifest: Manifest) -> Iterator[Problem]:
    """Finds settings of services that no schema has; warns of gateways that lead nowhere."""
    if manifest.deployment is None:
        return
    yield from check_users(schema)
    users = {user_of(service) for service in schema.services}
    for name, place in manifest.deployment.named:
        if name not in users:
            hint = did_you_mean(name, users)
            yield Problem(place, f"settings for {name}, which no schema has: {hint}")
    routes = [m for service in schema.services for m in service.methods if m.http]
    for environment in manifest.environments.values():
        if environment.gateway and not routes:
            text = (
                f"environment {environment.name} has a gateway, and no method has an HTTP route:"
                " write google.api.http in a schema, or leave gateway out"
            )
            yield Problem(environment.place, text, Severity.WARNING)
