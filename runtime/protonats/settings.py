"""How a process is configured: two frozen classes, read from the environment or written in code."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from protonats._wire.subjects import is_token
from protonats.errors import ConfigurationError

__all__ = ["ConnectionSettings", "Settings", "redact"]

_DEFAULT_URL: Final = "nats://127.0.0.1:4222"
_NATS_SCHEMES: Final = ("nats", "tls")
_REDIS_SCHEMES: Final = ("redis", "rediss", "redis+cluster", "rediss+cluster")
_LOGIN: Final = re.compile(r"://\S*@")
_QUERY: Final = re.compile(r"(://[^\s?]*\?)[^\s'\"]+")


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ConnectionSettings:
    """How to reach NATS, and as whom.

    Raises:
        ConfigurationError: A value is not usable; the text names it and what to write.
    """

    servers: tuple[str, ...] = (_DEFAULT_URL,)
    """URLs of the servers to try: `nats://host:4222`, or `tls://` where TLS is a must
    (NATS_URL)."""

    name: str = "protonats"
    """The caller's name: seen in monitoring, and the `<user>` of its inbox (NATS_NAME)."""

    tls_ca: Path | None = None
    """The certificate authority that servers are checked against; makes TLS a must (NATS_CA)."""

    tls_cert: Path | None = None
    """This client's certificate (NATS_CERT)."""

    tls_key: Path | None = None
    """The private key of `tls_cert` (NATS_KEY)."""

    tls_hostname: str | None = None
    """The name in the servers' certificate, if it is not the host in the URL
    (NATS_TLS_HOSTNAME)."""

    nkey_seed_file: Path | None = None
    """A file with an nkey seed to log in with (NATS_NKEY)."""

    credentials_file: Path | None = None
    """A `.creds` file with a JWT and its seed to log in with (NATS_CREDS)."""

    connect_timeout: float = 5.0
    """Seconds for one attempt to connect."""

    startup_timeout: float = 60.0
    """Seconds during which the first connection is tried again (NATS_STARTUP_TIMEOUT)."""

    def __post_init__(self) -> None:
        if not self.servers:
            raise ConfigurationError(
                f"servers (NATS_URL) is empty: write at least one URL, for example {_DEFAULT_URL}"
            )
        for url in self.servers:
            _check_url("servers (NATS_URL)", url, _NATS_SCHEMES, _DEFAULT_URL)
        if not is_token(self.name) or not self.name.isprintable():
            raise ConfigurationError(
                f"name (NATS_NAME) is {self.name!r}: it is one token of a subject, write letters,"
                " digits, '_' and '-', for example npc_behavior"
            )
        for name, variable, other, other_variable in (
            ("tls_cert", "NATS_CERT", "tls_key", "NATS_KEY"),
            ("tls_key", "NATS_KEY", "tls_cert", "NATS_CERT"),
        ):
            if getattr(self, name) is not None and getattr(self, other) is None:
                raise ConfigurationError(
                    f"{name} ({variable}) is set and {other} ({other_variable}) is not: a"
                    " certificate and its key belong together, set both or neither"
                )
        if self.nkey_seed_file is not None and self.credentials_file is not None:
            raise ConfigurationError(
                "nkey_seed_file (NATS_NKEY) and credentials_file (NATS_CREDS) are both set: keep"
                " one"
            )
        _check_seconds("connect_timeout", self.connect_timeout)
        _check_seconds("startup_timeout (NATS_STARTUP_TIMEOUT)", self.startup_timeout)

    def __repr__(self) -> str:
        return _redacted_repr(self)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, *, name: str | None = None
    ) -> Self:
        """Reads the variables that the fields name; `name` is used where NATS_NAME is not set.

        Args:
            environ: The variables, `os.environ` by default. An empty one counts as not set.
            name: The name of the process, usually of its service.

        Raises:
            ConfigurationError: A variable is not usable; the text names it and what to write.
        """
        variables = _Variables(os.environ if environ is None else environ)
        return cls(
            servers=tuple(
                url.strip()
                for url in variables.text("NATS_URL", _DEFAULT_URL).split(",")
                if url.strip()
            ),
            name=variables.text("NATS_NAME", name or "protonats"),
            tls_ca=variables.path("NATS_CA"),
            tls_cert=variables.path("NATS_CERT"),
            tls_key=variables.path("NATS_KEY"),
            tls_hostname=variables.optional("NATS_TLS_HOSTNAME"),
            nkey_seed_file=variables.path("NATS_NKEY"),
            credentials_file=variables.path("NATS_CREDS"),
            startup_timeout=variables.seconds("NATS_STARTUP_TIMEOUT", 60.0),
        )


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Settings:
    """How a process runs.

    Raises:
        ConfigurationError: A value is not usable; the text names it and what to write.
    """

    connection: ConnectionSettings = field(default_factory=ConnectionSettings)
    """The connection to NATS."""

    redis_url: str | None = None
    """`redis://` or `rediss://` for one server, `redis+cluster://` or `rediss+cluster://`
    (REDIS_URL)."""

    health_address: tuple[str, int] | None = ("0.0.0.0", 8080)
    """Where health and metrics are served; port 0 is a free one, None is nowhere
    (PROTONATS_HEALTH_ADDRESS, `host:port` or empty)."""

    grace_period: float = 20.0
    """Seconds that running handlers get when the process stops (PROTONATS_GRACE_PERIOD)."""

    max_in_flight: int = 1000
    """How many calls a service handles at once; more are answered RESOURCE_EXHAUSTED
    (PROTONATS_MAX_IN_FLIGHT)."""

    def __post_init__(self) -> None:
        if self.redis_url is not None:
            _check_url(
                "redis_url (REDIS_URL)", self.redis_url, _REDIS_SCHEMES, "redis://127.0.0.1:6379"
            )
        if self.health_address is not None and not 0 <= self.health_address[1] <= 65535:
            raise ConfigurationError(
                f"health_address (PROTONATS_HEALTH_ADDRESS) has port {self.health_address[1]}:"
                " write 0 to 65535"
            )
        _check_seconds("grace_period (PROTONATS_GRACE_PERIOD)", self.grace_period, zero=True)
        if self.max_in_flight < 1:
            raise ConfigurationError(
                f"max_in_flight (PROTONATS_MAX_IN_FLIGHT) is {self.max_in_flight}: write 1 or more"
            )

    def __repr__(self) -> str:
        return _redacted_repr(self)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, *, name: str | None = None
    ) -> Self:
        """Reads the variables that the fields name; arguments and errors are those of
        `ConnectionSettings.from_environment`.
        """
        variables = _Variables(os.environ if environ is None else environ)
        return cls(
            connection=ConnectionSettings.from_environment(environ, name=name),
            redis_url=variables.optional("REDIS_URL"),
            health_address=variables.address("PROTONATS_HEALTH_ADDRESS", "0.0.0.0:8080"),
            grace_period=variables.seconds("PROTONATS_GRACE_PERIOD", 20.0),
            max_in_flight=variables.integer("PROTONATS_MAX_IN_FLIGHT", 1000),
        )


def redact(text: str) -> str:
    """The text with user, password and query of every URL in it replaced by `***`."""
    return _QUERY.sub(r"\1***", _LOGIN.sub("://***@", text))


class _Variables:
    """Environment variables, read as what they mean."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def optional(self, name: str) -> str | None:
        return self._environ.get(name) or None

    def text(self, name: str, default: str) -> str:
        return self._environ.get(name) or default

    def path(self, name: str) -> Path | None:
        value = self.optional(name)
        return None if value is None else Path(value)

    def seconds(self, name: str, default: float) -> float:
        value = self.optional(name)
        if value is None:
            return default
        try:
            return float(value)
        except ValueError:
            raise ConfigurationError(
                f"{name} is {value!r}: write a number of seconds, for example {default:g}"
            ) from None

    def integer(self, name: str, default: int) -> int:
        value = self.optional(name)
        if value is None:
            return default
        try:
            return int(value)
        except ValueError:
            raise ConfigurationError(
                f"{name} is {value!r}: write a whole number, for example {default}"
            ) from None

    def address(self, name: str, default: str) -> tuple[str, int] | None:
        value = self._environ.get(name, default)
        if not value:
            return None
        host, colon, port = value.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()):
            raise ConfigurationError(
                f"{name} is {value!r}: write host:port, for example {default}, or nothing to switch"
                " it off"
            )
        return host.removeprefix("[").removesuffix("]"), int(port)


def _check_url(what: str, url: str, schemes: tuple[str, ...], example: str) -> None:
    advice = f"write a URL with scheme {', '.join(schemes)}, for example {example}"
    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and bool(parts.hostname)
        if valid and _port_is_out_of_range(parts.netloc):
            advice = "the port is out of range, write 1 to 65535"
        # Reading the port checks it.
        valid = valid and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or any(character.isspace() for character in url):
        # Without a scheme, nobody can tell what the secret is.
        shown = redact("".join(url.split())) if "://" in url else "<not a URL>"
        raise ConfigurationError(f"{what} has {shown!r}: {advice}")


def _port_is_out_of_range(netloc: str) -> bool:
    port = netloc.rpartition(":")[2] if ":" in netloc else ""
    return port.isascii() and port.isdigit() and not 1 <= int(port) <= 65535


def _check_seconds(what: str, value: float, *, zero: bool = False) -> None:
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        bound = "0 or more" if zero else "more than 0"
        raise ConfigurationError(f"{what} is {value:g}: write a number of seconds, {bound}")


def _redacted_repr(settings: ConnectionSettings | Settings) -> str:
    values = (f"{item.name}={getattr(settings, item.name)!r}" for item in fields(settings))
    return redact(f"{type(settings).__name__}({', '.join(values)})")
