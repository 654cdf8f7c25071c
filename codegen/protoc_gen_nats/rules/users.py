"""Rules of the users that services log in as."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.access.roles import RESERVED
from protoc_gen_nats.errors import Problem
from protoc_gen_nats.model import Schema
from protoc_gen_nats.permissions import user_of

__all__ = ["check_users"]


def check_users(schema: Schema) -> Iterator[Problem]:
    """Finds services whose user is that of people or of a tool."""
    for service in schema.services:
        user = user_of(service)
        if user.lower() in RESERVED:
            text = (
                f"service {service.full_name} logs in to NATS as {user}, which is the user of"
                f" {RESERVED[user.lower()]}: give it another name with"
                " option (protonats.v1.service) = {name: …}"
            )
            yield Problem(service.place, text)
