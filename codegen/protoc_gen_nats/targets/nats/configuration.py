"""The files that nats-server reads."""

from __future__ import annotations

from collections.abc import Sequence

from protoc_gen_nats.access import (
    Account,
    Export,
    key_variable,
    next_key_variable,
    permissions_variable,
)
from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.model import Schema
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.rendering.templates import render

__all__ = ["accounts_conf", "nats_conf"]

_OTHERS = 64
"""Connections of people and tools."""


def nats_conf(schema: Schema, deployment: Deployment, environment: Environment) -> bytes:
    """`nats.conf`, the same for every node."""
    values = {
        "prefix": _prefix(deployment, environment),
        "nats": environment.nats,
        "connections": _connections(schema, environment),
        "login": deployment.login,
        "system_account": deployment.accounts.system,
    }
    return render("nats/nats.conf.j2", values)


def accounts_conf(
    accounts: Sequence[Account], deployment: Deployment, environment: Environment
) -> bytes:
    """`accounts.conf`, with the names of the variables that hold the users' public keys."""

    def importers(account: Account, export: Export) -> list[str]:
        return [
            other.name
            for other in accounts
            if any(
                (one.account, one.subject) == (account.name, export.subject)
                for one in other.imports
            )
        ]

    values = {
        "prefix": _prefix(deployment, environment),
        "accounts": accounts,
        "keys": (key_variable, next_key_variable),
        "permissions": permissions_variable,
        "importers": importers,
    }
    return render("nats/accounts.conf.j2", values)


def _prefix(deployment: Deployment, environment: Environment) -> str:
    return f"{deployment.name}-{environment.name}"


def _connections(schema: Schema, environment: Environment) -> int:
    """How many there can be at once, even if one node has them all: old and new instances run
    beside each other while a version is rolled out."""
    tasks = sum(environment.service(user_of(one)).max_tasks for one in schema.services)
    if environment.gateway is not None:
        tasks += environment.gateway.service.max_tasks
    return 2 * tasks + _OTHERS
