"""What is watched, when somebody is told, and what to do then.

`deploy/<environment>/prometheus/` has rules and configuration, `deploy/<environment>/grafana/` a
dashboard for each service and one for the platform, `docs/runbooks/` a page for each alert.
"""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.files import PlannedFile
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.targets.monitoring.dashboards import Dashboards
from protoc_gen_nats.targets.monitoring.watching import Watching

__all__ = ["plan"]


def plan(schema: Schema, manifest: Manifest) -> Iterator[PlannedFile]:
    """Plans all of it; nothing where there is no environment to watch."""
    deployment = manifest.deployment
    if deployment is None or not manifest.environments:
        return
    yield from Watching(schema, manifest, deployment).files()
    yield from Dashboards(schema, manifest, deployment).files()
