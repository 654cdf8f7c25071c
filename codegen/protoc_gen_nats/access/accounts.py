"""The accounts on the NATS servers, with their users and what crosses their borders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protoc_gen_nats.access import roles
from protoc_gen_nats.environments import Accounts
from protoc_gen_nats.graph import Graph
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Method, MethodKind, Schema
from protoc_gen_nats.permissions import (
    OPERATOR,
    Permissions,
    permissions_of,
    service_prefix,
    user_of,
)

__all__ = [
    "Account",
    "Export",
    "Import",
    "JetStreamLimits",
    "User",
    "accounts_of",
    "key_variable",
    "next_key_variable",
    "permissions_variable",
]

STREAM_SILENCE = 60.0
"""Seconds of silence after which a border forgets a stream: no peer may announce signs of life that
are further apart (wire protocol, section 8)."""

_UNARY_SILENCE = 120.0
"""Seconds after which a border forgets an answer that has not come, at least: the server's own
default."""

_DISCOVERY_SILENCE = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """One who logs in."""

    name: str
    service: str
    """The full name of the service whose instances log in so; empty: of people, or of a tool."""

    description: str
    permissions: Permissions


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """What an account lets others import."""

    subject: str
    kind: str
    """`service`, which is asked, or `stream`, which is heard."""

    response: str | None = None
    """Of a service: `singleton`, one answer to each request, or `stream`, many."""

    threshold: float | None = None
    """Of a service: seconds after which an answer, or the next one, is no longer expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Import:
    """What an account takes from another."""

    account: str
    subject: str
    kind: str

    local: str | None = None
    """Another subject, by which the account that imports it knows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JetStreamLimits:
    """What an account may have of JetStream. All of it lies in files."""

    max_streams: int
    """Twice what is planned, so that streams can be replaced: buckets are streams as well."""

    max_consumers: int
    """Of each stream; twice what is planned of the one with the most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Users who share subjects, and what of them others may reach."""

    name: str
    users: tuple[User, ...]
    exports: tuple[Export, ...] = ()
    imports: tuple[Import, ...] = ()
    jetstream: JetStreamLimits | None = None
    """None: JetStream is not for it."""


def key_variable(user: str) -> str:
    """What the public key of a user is called in `keys.conf`: `NKEY_QUEST_V2`."""
    return f"NKEY_{_variable(user)}"


def next_key_variable(user: str) -> str:
    """What the other key that the servers know of a user is called there: `NEXT_NKEY_QUEST_V2`."""
    return f"NEXT_{key_variable(user)}"


def permissions_variable(user: str) -> str:
    """What the permissions of a user are called in `accounts.conf`: `MAY_QUEST_V2`."""
    return f"MAY_{_variable(user)}"


def _variable(user: str) -> str:
    return user.upper().replace("-", "_")


def accounts_of(schema: Schema, manifest: Manifest) -> tuple[Account, ...]:
    """The accounts of a deployment, the same in all its environments: that of the services, of the
    gateway where a method has an HTTP route, of monitoring, and of the servers themselves."""
    names = manifest.deployment.accounts if manifest.deployment else Accounts()
    crossing = tuple(_crossing(schema))
    asked = tuple(
        Export(subject=subject, kind="service", response="stream", threshold=_DISCOVERY_SILENCE)
        for subject in roles.DISCOVERY
    )
    counted = tuple(
        Export(subject=subject, kind="service", response="singleton", threshold=_DISCOVERY_SILENCE)
        for subject in roles.dead_letters(manifest)
    )
    told = Export(subject=roles.ADVISORIES, kind="stream")
    services = Account(
        name=names.services,
        users=(*_service_users(schema, manifest), *_tools(schema, manifest)),
        exports=(*crossing, *asked, *counted, told),
        jetstream=_limits(schema, manifest),
    )
    gateway = Account(
        name=names.gateway,
        users=(_user(roles.GATEWAY, roles.gateway_permissions(schema)),),
        imports=_imports(names.services, crossing),
    )
    monitoring = Account(
        name=names.monitoring,
        users=(_user(roles.MONITOR, roles.monitor_permissions(manifest)),),
        imports=(
            *_imports(names.services, (*asked, told)),
            *(
                Import(
                    account=names.services,
                    subject=one.subject,
                    kind=one.kind,
                    local=roles.counting(one.subject),
                )
                for one in counted
            ),
        ),
    )
    system = Account(name=names.system, users=(_user(roles.SYSTEM, roles.system_permissions()),))
    return (services, *([gateway] if crossing else []), monitoring, system)


def _service_users(schema: Schema, manifest: Manifest) -> Iterator[User]:
    graph = Graph.of(schema)
    for service in schema.services:
        yield User(
            name=user_of(service),
            service=service.full_name,
            description=service.description,
            permissions=permissions_of(service, schema, graph, manifest),
        )


def _tools(schema: Schema, manifest: Manifest) -> Iterator[User]:
    yield _user(OPERATOR, roles.operator_permissions(schema, manifest))
    yield _user(roles.DEPLOYER, roles.deployer_permissions(schema, manifest))


def _user(name: str, permissions: Permissions) -> User:
    description = roles.RESERVED[name]
    return User(
        name=name,
        service="",
        description=f"{description[0].upper()}{description[1:]}.",
        permissions=permissions,
    )


def _crossing(schema: Schema) -> Iterator[Export]:
    """What the gateway reaches: methods with HTTP routes, and what follows their first message."""
    for service in schema.services:
        methods = roles.routed(service)
        for method in methods:
            yield _method_export(method)
        if methods:
            prefix = service_prefix(service)
            for subject in (f"{prefix}._cancel", f"{prefix}._i.*.*"):
                yield Export(
                    subject=subject,
                    kind="service",
                    response="singleton",
                    threshold=_UNARY_SILENCE,
                )


def _method_export(method: Method) -> Export:
    unary = method.kind is MethodKind.UNARY
    return Export(
        subject=method.filter_subject,
        kind="service",
        response="singleton" if unary else "stream",
        threshold=max(_UNARY_SILENCE, 2 * (method.timeout or 0)) if unary else STREAM_SILENCE,
    )


def _imports(account: str, exports: tuple[Export, ...]) -> tuple[Import, ...]:
    return tuple(Import(account=account, subject=one.subject, kind=one.kind) for one in exports)


def _limits(schema: Schema, manifest: Manifest) -> JetStreamLimits | None:
    planned = len(manifest.streams) + sum(len(service.buckets) for service in schema.services)
    consumers = [
        stream
        for service in schema.services
        for consumer in service.consumers
        for stream in manifest.streams_of(consumer.events[0].filter_subject)
    ]
    most = max((consumers.count(stream) for stream in set(consumers)), default=0)
    if not planned:
        return None
    return JetStreamLimits(max_streams=2 * planned, max_consumers=max(2 * most, 1))
