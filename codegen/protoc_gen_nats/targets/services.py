"""`deploy/services.json`: the services of the platform and the program that each one runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.model import Schema, Service
from protoc_gen_nats.targets.scaffold import implementation_class, implementation_module

__all__ = ["render"]


def render(schema: Schema) -> Iterator[GeneratedFile]:
    """Renders the list, in the order of the schemas."""
    services = [
        _service(service, file.nats_module) for file in schema.files for service in file.services
    ]
    content = json.dumps({"services": services}, indent=2, ensure_ascii=False) + "\n"
    yield GeneratedFile(path="deploy/services.json", content=content.encode())


def _service(service: Service, module: str) -> dict[str, Any]:
    return {
        "name": service.name,
        "full_name": service.full_name,
        "domain": service.domain,
        "version": service.version,
        "description": service.description,
        "target": f"{implementation_module(service)}:{implementation_class(service)}",
        "module": module,
        "methods": [
            {
                "name": method.name,
                "subject": method.subject,
                "kind": method.kind.value,
                "request": method.request.full_name,
                "response": method.response.full_name,
            }
            for method in service.methods
        ],
        "calls": list(service.calls),
        "publishes": [event.ref.full_name for event in service.publishes],
        "consumes": [e.ref.full_name for consumer in service.consumers for e in consumer.events],
    }
