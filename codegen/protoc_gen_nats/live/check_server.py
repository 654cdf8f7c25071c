"""The check-up of a NATS server, of what its user may do, and of Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nats.errors import Error as NatsError

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.graph import Graph
from protoc_gen_nats.live.check_project import Found
from protoc_gen_nats.live.findings import Finding, fail, ok, skip, warn
from protoc_gen_nats.live.granted import Granted
from protoc_gen_nats.live.plans import plan_of
from protoc_gen_nats.live.stream_plan import compare
from protoc_gen_nats.model import MethodKind, Service
from protoc_gen_nats.permissions import permissions_of
from protoc_gen_nats.words import counted
from protonats._jetstream_errors import is_silent, reason_of
from protonats.connection import Connection
from protonats.errors import Code, ProtonatsError, StatusError
from protonats.redis import connect_redis, redacted

__all__ = ["check_permissions", "check_redis", "check_server", "check_streams", "user_info"]

_USER_INFO = "$SYS.REQ.USER.INFO"
_BORDER = "_R_.>"
"""What a border between accounts makes of an inbox."""

_OLDEST = (2, 10)
"""The server that has what a consumer with several subjects and metadata needs."""

_SMALL_PAYLOAD = 64 * 1024
_CLOCK = 5.0
"""Seconds by which a clock may be wrong: times of events and of logs are compared."""

_PATIENCE = 2.0


async def user_info(connection: Connection) -> Mapping[str, Any] | None:
    """What the server says about the user; None where it does not."""
    try:
        return await _ask(connection, _USER_INFO)
    except StatusError:
        return None


async def _ask(connection: Connection, subject: str) -> Mapping[str, Any]:
    until = asyncio.get_running_loop().time() + _PATIENCE
    answer = await connection._request(subject, b"", b"", until)
    if answer.status:
        raise StatusError(Code.UNAVAILABLE)
    value: Mapping[str, Any] = json.loads(answer.body)
    return value


async def check_server(
    connection: Connection, user: Mapping[str, Any] | None
) -> AsyncIterator[Finding]:
    """Version, size of messages, clock, user, and JetStream."""
    info: Mapping[str, Any] = connection.jetstream._nc._server_info
    version = str(info.get("version", ""))
    where = f"{info.get('host', '')}:{info.get('port', '')}"
    numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:2] if part.isdigit())
    if numbers < _OLDEST:
        yield fail(f"nats-server {version}", "upgrade it to 2.10 or newer")
    else:
        yield ok(f"nats-server {version} as {where}{' with TLS' if _is_tls(info) else ''}")
    size = connection.max_payload
    if size < _SMALL_PAYLOAD:
        text = f"max_payload is {size} bytes: larger messages go in many parts"
        yield warn(text, "raise max_payload in the server's configuration; 1MB is its default")
    else:
        yield ok(f"max_payload is {size} bytes")
    if user is None:
        text = "the server does not say who this user is"
        yield skip(text, f"allow publishing to {_USER_INFO}, which tells nothing about others")
    else:
        data = user.get("data", {})
        yield ok(f"user {data.get('user') or 'without a name'} of account {data.get('account')}")
        for finding in _check_clock(user):
            yield finding
    yield await _check_jetstream(connection)


def _is_tls(info: Mapping[str, Any]) -> bool:
    return bool(info.get("tls_required") or info.get("tls_available"))


def _check_clock(user: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        there = datetime.fromisoformat(str(user["server"]["time"]))
    except (KeyError, ValueError):
        return
    seconds = abs((datetime.now(UTC) - there).total_seconds())
    if seconds > _CLOCK:
        text = f"this clock and the server's differ by {seconds:.0f} s"
        yield warn(text, "set them by NTP: times of events would mislead")
    else:
        yield ok("this clock and the server's agree")


async def _check_jetstream(connection: Connection) -> Finding:
    try:
        told = await _ask(connection, "$JS.API.INFO")
    except StatusError as error:
        if error.code is Code.PERMISSION_DENIED:
            return skip("this user may not ask about JetStream", "allow publishing to $JS.API.INFO")
        advice = "start nats-server with --jetstream, or allow it for the account"
        return fail("JetStream does not answer: durable events and buckets need it", advice)
    if "error" in told:
        reason = told["error"].get("description", "no reason given")
        return fail(f"JetStream: {reason}", "switch it on for this account")
    streams = counted(int(told.get("streams", 0)), "stream")
    return ok(f"JetStream has {streams}, {told.get('storage', 0)} bytes")


async def check_streams(connection: Connection, folder: Path, replicas: int | None) -> Finding:
    """Whether streams, consumers and buckets are as the project plans, with so many replicas."""
    try:
        found = await compare(connection, plan_of(folder), replicas=replicas)
    except (UserError, NatsError, StatusError) as error:
        if isinstance(error, NatsError) and is_silent(error):
            return skip("streams cannot be compared: JetStream does not answer")
        text = (
            reason_of(error) if isinstance(error, NatsError) else getattr(error, "message", error)
        )
        return skip(f"streams cannot be compared: {text}", "ask somebody who may manage JetStream")
    if found.pending:
        names = ", ".join(change.name for change in found.pending[:3])
        more = ", …" if len(found.pending) > 3 else ""
        text = f"not as planned: {names}{more} ({counted(len(found.pending), 'change')})"
        return fail(text, "see what differs with `protonats streams plan`, and `apply` it")
    return ok(f"streams, consumers and buckets are as planned, {len(found.changes)} in all")


def check_permissions(user: Mapping[str, Any] | None, found: Found, name: str) -> Iterator[Finding]:
    """Whether the user may do what the service that is called so has to do."""
    if user is None:
        yield skip("what this user may do is not known")
        return
    told = user.get("data", {}).get("permissions")
    service = _service(found, name)
    if service is None or found.schema is None or found.manifest is None:
        yield skip(
            f"no service of the project is called {name}",
            "say which one this user is for with --service",
        )
        return
    if told is None:
        yield ok("this user may do everything")
        return
    granted = Granted(told=told)
    needed = permissions_of(service, found.schema, Graph.of(found.schema), found.manifest)
    missing = 0
    rights: list[tuple[Literal["publish", "subscribe"], str]] = [
        *(("publish", subject) for subject in needed.publish),
        *(("subscribe", subject) for subject in needed.subscribe),
    ]
    for verb, subject in rights:
        if granted.allows(verb, subject):
            continue
        if subject == _BORDER:
            text = f"{service.name} cannot answer callers of other accounts"
            yield warn(text, f"allow {verb} of {subject} if there are any")
            continue
        missing += 1
        where = subject.replace(" ", " in queue group ")
        text = f"{service.name} has to {verb} to {where}, and this user may not"
        yield fail(text, f"allow {verb} of {subject}; `protonats explain {service.name}` says why")
    if granted.answers_once and any(m.kind is not MethodKind.UNARY for m in service.methods):
        text = f"{service.name} has streams, and this user may answer a request once only"
        yield fail(text, "allow publish of its callers' inboxes, or allow_responses with max: -1")
    elif not missing:
        yield ok(f"this user has all rights that {service.name} needs: {len(rights)}")


def _service(found: Found, name: str) -> Service | None:
    services = found.schema.services if found.schema else ()
    return next((one for one in services if name in (one.name, one.full_name)), None)


async def check_redis(url: str | None, found: Found) -> Finding:
    """Whether Redis answers, and whether somebody wants it."""
    if url is None:
        methods = [
            method.full_name
            for service in (found.schema.services if found.schema else ())
            for method in service.methods
            if method.cache or method.idempotency
        ]
        if methods:
            text = f"REDIS_URL is not set: {methods[0]} keeps answers there"
            return warn(text, "set REDIS_URL, for example redis://127.0.0.1:6379")
        return skip("REDIS_URL is not set")
    try:
        client = await connect_redis(url, startup_timeout=_PATIENCE)
    except ProtonatsError as error:
        text = error.message if isinstance(error, StatusError) else str(error)
        return fail(text, "start it, or set REDIS_URL to where it is")
    await client.aclose()
    return ok(f"Redis answers at {redacted(url)}")
