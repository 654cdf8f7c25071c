"""What the documents have in common: their title, and how JSON and comments stand in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.model import Schema

__all__ = ["comment_fields", "json_file", "title_of"]


def title_of(schema: Schema) -> str:
    """What the services are called together: the part that their packages begin with."""
    packages = [s.full_name.split(".")[:-1] for s in schema.services]
    common = []
    for parts in zip(*packages, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return ".".join(common) or "Services"


def json_file(path: str, value: Mapping[str, Any]) -> GeneratedFile:
    """A JSON document."""
    content = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return GeneratedFile(path=path, content=content.encode())


def comment_fields(comment: str) -> dict[str, str]:
    """A comment as `summary`, its first paragraph on one line, and `description`, the rest."""
    first, _, rest = comment.partition("\n\n")
    fields = {"summary": " ".join(first.split()), "description": rest.strip()}
    return {name: text for name, text in fields.items() if text}
