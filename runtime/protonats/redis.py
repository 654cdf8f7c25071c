"""The connection to Redis: one server or a cluster, by the scheme of its URL."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import AuthenticationError, RedisClusterException, RedisError

from protonats.errors import Code, ConfigurationError, StatusError

if TYPE_CHECKING:
    AnyRedis: TypeAlias = Redis | RedisCluster

__all__ = ["connect_redis"]

_logger = logging.getLogger("protonats")

_CLUSTER_PREFIX: Final = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
_SCHEMES: Final = ("redis", "rediss", *_CLUSTER_PREFIX)
_TIMEOUT: Final = 5.0
_FIRST_BACKOFF: Final = 0.1
_LAST_BACKOFF: Final = 5.0


async def connect_redis(
    url: str,
    *,
    ca: Path | str | None = None,
    startup_timeout: float = 30.0,
    required: bool = True,
) -> AnyRedis:
    """Connects to Redis, and returns when it has answered.

    Connecting and reading time out after 5 seconds each; `?socket_timeout=` in the URL sets another
    limit, in seconds.

    Args:
        url: `redis://` or `rediss://` (TLS) for one server, `redis+cluster://` or
            `rediss+cluster://` for a cluster, of which any node will do.
        ca: The certificate authority of a server with TLS, as a file or as a text in PEM format;
            the public ones by default.
        startup_timeout: Seconds during which a Redis that cannot be reached is tried again.
        required: Whether to raise after that time, or to log a warning and return a client that
            connects when it is used.

    Raises:
        ConfigurationError: The URL is malformed, or Redis refuses the user or password.
        StatusError: UNAVAILABLE, no answer within `startup_timeout`, and it is required.
    """
    where = redacted(url)
    client = _client(url, where, ca)
    try:
        await _await_answer(client, where, startup_timeout)
    except StatusError as error:
        if required:
            await client.aclose()
            raise
        _logger.warning("%s; what needs it fails until it does", error.message)
    except BaseException:
        await client.aclose()
        raise
    return client


async def _await_answer(client: AnyRedis, where: str, timeout: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    backoff = _FIRST_BACKOFF
    while True:
        try:
            async with asyncio.timeout_at(end):
                await _probe(client)
            return
        except AuthenticationError as error:
            raise ConfigurationError(f"REDIS_URL: {where} refuses the login: {error}") from None
        except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
            if loop.time() + backoff >= end:
                raise StatusError(
                    Code.UNAVAILABLE,
                    f"no Redis answers at {where} within {timeout:g} s: {_reason(error)}",
                ) from None
            _logger.warning(
                "Redis at %s does not answer, next attempt in %g s: %s",
                where,
                backoff,
                _reason(error),
            )
        await asyncio.sleep(backoff)
        backoff = min(backoff * 2, _LAST_BACKOFF)


def redacted(url: str) -> str:
    """The URL as it may stand in a log: scheme, host and port, without user, password and query."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "<not a URL>"
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" in rest[len(host) :]:
        # Part of a password, as like as not, that was not escaped.
        return f"{scheme}://***"
    return f"{scheme}://{host.rpartition('@')[2]}"


def _client(url: str, where: str, ca: Path | str | None) -> AnyRedis:
    scheme, _, rest = url.partition("://")
    if scheme not in _SCHEMES:
        known = ", ".join(f"`{name}://`" for name in _SCHEMES)
        raise ConfigurationError(f"REDIS_URL: {where} begins with none of {known}")
    plain = f"{_CLUSTER_PREFIX.get(scheme, scheme)}://{rest}"
    try:
        if urlsplit(plain).hostname is None:
            raise ConfigurationError(f"REDIS_URL: {where} names no host")
        kind: type[AnyRedis] = RedisCluster if scheme in _CLUSTER_PREFIX else Redis
        tls = _authority(ca) if plain.startswith("rediss:") else {}
        return kind.from_url(plain, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, **tls)
    except ValueError as error:
        raise ConfigurationError(f"REDIS_URL: {where} is malformed: {error}") from None


def _authority(ca: Path | str | None) -> dict[str, Any]:
    """What redis-py is told of it, once it was checked: with a wrong one, a server would seem to be
    away."""
    if ca is None:
        return {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    name = f"REDIS_CA {ca}" if isinstance(ca, Path) else "REDIS_CA_PEM"
    try:
        if isinstance(ca, Path):
            context.load_verify_locations(ca)
            return {"ssl_ca_certs": str(ca)}
        context.load_verify_locations(cadata=ca)
        return {"ssl_ca_data": ca}
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{name} is no certificate in PEM format: {error}") from None


async def _probe(client: AnyRedis) -> None:
    if isinstance(client, RedisCluster):
        await client.initialize()
    else:
        await client.ping()


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
