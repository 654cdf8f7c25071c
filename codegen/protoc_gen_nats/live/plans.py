"""The plan of streams, consumers and buckets that a project makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from protoc_gen_nats.project.project import Project
from protoc_gen_nats.targets import jetstream

__all__ = ["plan_of"]


def plan_of(folder: Path) -> Mapping[str, Any]:
    """What `deploy/nats/jetstream.json` says when it is generated now.

    Raises:
        UserError: Something is wrong with the manifest or a schema.
    """
    project = Project(folder)
    (file,) = jetstream.render(project.schema(), project.manifest())
    plan: Mapping[str, Any] = json.loads(file.content)
    return plan
