"""`manifest.schema.json`: the JSON Schema of this project's `protonats.yaml`, for editors.

# yaml-language-server: $schema=generated/manifest.schema.json
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.model import Schema
from protoc_gen_nats.permissions import user_of

__all__ = ["render"]


def render(schema: Schema) -> Iterator[GeneratedFile]:
    """Renders the schema that the manifest is checked with, and the names of the services."""
    text = resources.files("protoc_gen_nats").joinpath("manifest.schema.json").read_text("utf-8")
    value = json.loads(text)
    properties = value["$defs"]["services"]["properties"]
    for service in sorted(schema.services, key=user_of):
        title = service.description or service.full_name
        properties[user_of(service)] = {"title": title, "$ref": "#/$defs/service"}
    content = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    yield GeneratedFile(path="manifest.schema.json", content=content.encode())
