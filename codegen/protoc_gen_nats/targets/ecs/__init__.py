"""`deploy/<environment>/ecs/`: tasks, services and their scaling on ECS, one folder each.

The files are what RegisterTaskDefinition, CreateService, and the calls of Application Auto Scaling
and CloudWatch take. What only an account knows is named `${image}` in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.targets.ecs.programs import Program, services_of, tools_of
from protoc_gen_nats.targets.ecs.scaling import scaling
from protoc_gen_nats.targets.ecs.services import service_definition
from protoc_gen_nats.targets.ecs.tasks import task_definition
from protoc_gen_nats.targets.json_documents import json_file

__all__ = ["plan"]

Render = Callable[[Program, Deployment, Environment], Mapping[str, Any]]

_OF_TOOLS: Mapping[str, Render] = {"task-definition": task_definition}
_OF_SERVICES: Mapping[str, Render] = {
    **_OF_TOOLS,
    "service": service_definition,
    "scaling": scaling,
}


def plan(schema: Schema, manifest: Manifest) -> Iterator[PlannedFile]:
    """Plans the files of every environment: of services, the gateway, and tools, which have a task
    alone."""
    deployment = manifest.deployment
    if deployment is None:
        return
    for environment in manifest.environments.values():
        services = [(one, _OF_SERVICES) for one in services_of(schema, environment)]
        tools = [(one, _OF_TOOLS) for one in tools_of()]
        for program, renders in (*services, *tools):
            for name, render in renders.items():
                path = f"deploy/{environment.name}/ecs/{program.name}/{name}.json"
                yield PlannedFile(
                    path=path,
                    render=partial(_file, path, partial(render, program, deployment, environment)),
                    files=schema.files,
                )


def _file(path: str, render: Callable[[], Mapping[str, Any]]) -> GeneratedFile:
    return json_file(path, render())
