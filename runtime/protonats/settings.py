"""How a process is configured: two frozen classes, read from the environment or written in code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from protonats._checks import check_only_one, check_seconds, check_url, redact
from protonats._environment import Variables
from protonats._wire.parts import MAX_TOTAL
from protonats._wire.subjects import is_token
from protonats.errors import ConfigurationError

__all__ = ["BreakerSettings", "ConnectionSettings", "Settings", "redact"]

_DEFAULT_URL: Final = "nats://127.0.0.1:4222"
DEFAULT_NAME: Final = "protonats"
"""The name of those who have none."""

_NATS_SCHEMES: Final = ("nats", "tls")
_REDIS_SCHEMES: Final = ("redis", "rediss", "redis+cluster", "rediss+cluster")
_TRANSPORT: Final = "PROTONATS_TRANSPORT"
"""Read where a connection is made."""

_ONE_OF_EACH: Final = (
    (("tls_ca", "NATS_CA"), ("tls_ca_pem", "NATS_CA_PEM")),
    (("tls_cert", "NATS_CERT"), ("tls_cert_pem", "NATS_CERT_PEM")),
    (("tls_key", "NATS_KEY"), ("tls_key_pem", "NATS_KEY_PEM")),
    (
        ("nkey_seed_file", "NATS_NKEY"),
        ("nkey_seed", "NATS_NKEY_SEED"),
        ("credentials_file", "NATS_CREDS"),
        ("credentials", "NATS_CREDS_TEXT"),
    ),
)
"""Ways to say the same, and the variables that say it."""

_MAX_CREDIT: Final = 0xFFFFFFFF
"""As much as the header that opens a stream can say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakerSettings:
    """When the calls of a method are refused for a while because too many of them failed.

    UNAVAILABLE and DEADLINE_EXCEEDED are failures; with any other status the service has answered.

    Raises:
        ConfigurationError: A value is not usable; the text names it and what to write.
    """

    failure_ratio: float = 0.5
    """The share of failures that opens the breaker, above 0 and at most 1."""

    min_calls: int = 20
    """Calls within the window below which it never opens."""

    window: float = 10.0
    """Seconds for which a call counts."""

    open_time: float = 5.0
    """Seconds until one call is let through to find out whether the service is well again."""

    def __post_init__(self) -> None:
        if not 0 < self.failure_ratio <= 1:
            raise ConfigurationError(
                f"failure_ratio is {self.failure_ratio:g}: write a number above 0, at most 1"
            )
        if self.min_calls < 1:
            raise ConfigurationError(f"min_calls is {self.min_calls}: write 1 or more")
        check_seconds("window", self.window)
        check_seconds("open_time", self.open_time)


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ConnectionSettings:
    """How to reach NATS, and as whom.

    How messages get to the socket and back is no setting but the environment variable
    PROTONATS_TRANSPORT: `auto`, the default, goes below nats-py where its version is one that this
    was tested with; `public` keeps to the public interface of nats-py, which is slower.

    Raises:
        ConfigurationError: A value is not usable; the text names it and what to write.
    """

    servers: tuple[str, ...] = (_DEFAULT_URL,)
    """URLs of the servers to try: `nats://host:4222`, or `tls://` where TLS is a must
    (NATS_URL)."""

    name: str = DEFAULT_NAME
    """The caller's name: seen in monitoring, the `<user>` of its inbox, and the owner of its
    idempotency keys, which it shares with all callers of this name (NATS_NAME)."""

    tls_ca: Path | None = None
    """The certificate authority that servers are checked against; makes TLS a must (NATS_CA)."""

    tls_cert: Path | None = None
    """This client's certificate (NATS_CERT)."""

    tls_key: Path | None = None
    """The private key of `tls_cert` (NATS_KEY)."""

    tls_ca_pem: str | None = None
    """The certificate authority itself, in PEM format, in place of a file (NATS_CA_PEM)."""

    tls_cert_pem: str | None = None
    """The certificate itself, in place of a file (NATS_CERT_PEM)."""

    tls_key_pem: str | None = field(default=None, repr=False)
    """The private key itself, in place of a file; it is held in memory alone (NATS_KEY_PEM)."""

    tls_hostname: str | None = None
    """The name in the servers' certificate, if it is not the host in the URL
    (NATS_TLS_HOSTNAME)."""

    nkey_seed_file: Path | None = None
    """A file with an nkey seed to log in with (NATS_NKEY)."""

    credentials_file: Path | None = None
    """A `.creds` file with a JWT and its seed to log in with (NATS_CREDS)."""

    nkey_seed: str | None = field(default=None, repr=False)
    """The nkey seed itself, in place of a file (NATS_NKEY_SEED)."""

    credentials: str | None = field(default=None, repr=False)
    """The text of a `.creds` file, in place of the file (NATS_CREDS_TEXT)."""

    connect_timeout: float = 5.0
    """Seconds for one attempt to connect."""

    startup_timeout: float = 60.0
    """Seconds during which the first connection is tried again (NATS_STARTUP_TIMEOUT)."""

    max_message_size: int = 64 * 1024 * 1024
    """Bytes of the longest message that is sent or taken; what does not fit into one NATS message
    goes in parts (PROTONATS_MAX_MESSAGE_SIZE)."""

    stream_messages: int = 1024
    """How many messages of a stream may wait for their reader before the writer has to wait
    (PROTONATS_STREAM_MESSAGES)."""

    stream_bytes: int = 4 * 1024 * 1024
    """How many bytes of a stream may wait for their reader before the writer has to wait; one
    message may go beyond (PROTONATS_STREAM_BYTES)."""

    keepalive_interval: float = 5.0
    """Seconds within which each side of an open stream sends a sign of life. After three of them
    without one, the other side counts as gone (PROTONATS_KEEPALIVE_INTERVAL)."""

    breaker: BreakerSettings | None = field(default_factory=BreakerSettings)
    """When the calls of a method are refused because too many of them failed; None: never
    (PROTONATS_BREAKER, `on` or `off`)."""

    otel_sample_ratio: float | None = None
    """The share of the traces begun here that OpenTelemetry records, with its global providers; 0
    goes on with traces of others alone, None switches it off (PROTONATS_OTEL, 0 to 1). See
    `protonats.telemetry`."""

    def __post_init__(self) -> None:
        if not self.servers:
            raise ConfigurationError(
                f"servers (NATS_URL) is empty: write at least one URL, for example {_DEFAULT_URL}"
            )
        for url in self.servers:
            check_url("servers (NATS_URL)", url, _NATS_SCHEMES, _DEFAULT_URL)
        if not is_token(self.name) or not self.name.isprintable():
            raise ConfigurationError(
                f"name (NATS_NAME) is {self.name!r}: it is one token of a subject, write letters,"
                " digits, '_' and '-', for example npc_behavior"
            )
        for names in _ONE_OF_EACH:
            check_only_one(self, names)
        if (missing := _half_of_a_pair(self)) is not None:
            raise ConfigurationError(
                f"{missing}: a certificate and its key belong together, set both or neither"
            )
        if not 1 <= self.max_message_size <= MAX_TOTAL:
            raise ConfigurationError(
                f"max_message_size (PROTONATS_MAX_MESSAGE_SIZE) is {self.max_message_size}: write"
                f" 1 to {MAX_TOTAL} bytes"
            )
        for name in ("stream_messages", "stream_bytes"):
            if not 1 <= getattr(self, name) <= _MAX_CREDIT:
                raise ConfigurationError(
                    f"{name} (PROTONATS_{name.upper()}) is {getattr(self, name)}: write 1 to"
                    f" {_MAX_CREDIT}"
                )
        if self.otel_sample_ratio is not None and not 0 <= self.otel_sample_ratio <= 1:
            raise ConfigurationError(
                f"otel_sample_ratio (PROTONATS_OTEL) is {self.otel_sample_ratio:g}: write a number"
                " from 0 to 1, or nothing to switch OpenTelemetry off"
            )
        check_seconds("keepalive_interval (PROTONATS_KEEPALIVE_INTERVAL)", self.keepalive_interval)
        check_seconds("connect_timeout", self.connect_timeout)
        check_seconds("startup_timeout (NATS_STARTUP_TIMEOUT)", self.startup_timeout)

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
        return cls._read(Variables(os.environ if environ is None else environ), name)

    @classmethod
    def _read(cls, variables: Variables, name: str | None) -> Self:
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
            tls_ca_pem=variables.optional("NATS_CA_PEM"),
            tls_cert_pem=variables.optional("NATS_CERT_PEM"),
            tls_key_pem=variables.optional("NATS_KEY_PEM"),
            nkey_seed_file=variables.path("NATS_NKEY"),
            nkey_seed=variables.optional("NATS_NKEY_SEED"),
            credentials_file=variables.path("NATS_CREDS"),
            credentials=variables.optional("NATS_CREDS_TEXT"),
            startup_timeout=variables.seconds("NATS_STARTUP_TIMEOUT", 60.0),
            max_message_size=variables.integer("PROTONATS_MAX_MESSAGE_SIZE", 64 * 1024 * 1024),
            stream_messages=variables.integer("PROTONATS_STREAM_MESSAGES", 1024),
            stream_bytes=variables.integer("PROTONATS_STREAM_BYTES", 4 * 1024 * 1024),
            keepalive_interval=variables.seconds("PROTONATS_KEEPALIVE_INTERVAL", 5.0),
            breaker=BreakerSettings() if variables.switch("PROTONATS_BREAKER", True) else None,
            otel_sample_ratio=variables.ratio("PROTONATS_OTEL"),
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

    redis_ca: Path | None = None
    """The certificate authority that `rediss://` servers are checked against, where it is none of
    the public ones (REDIS_CA)."""

    redis_ca_pem: str | None = None
    """The same authority itself, in PEM format, in place of a file (REDIS_CA_PEM)."""

    health_address: tuple[str, int] | None = ("0.0.0.0", 8080)
    """Where health and metrics are served; port 0 is a free one, None is nowhere
    (PROTONATS_HEALTH_ADDRESS, `host:port` or empty)."""

    grace_period: float = 20.0
    """Seconds that running handlers get when the process stops (PROTONATS_GRACE_PERIOD)."""

    max_in_flight: int = 1000
    """How many calls a service handles at once (PROTONATS_MAX_IN_FLIGHT)."""

    max_queued: int = 1000
    """How many calls of a service wait beyond those; more are answered RESOURCE_EXHAUSTED
    (PROTONATS_MAX_QUEUED)."""

    block_warning: float = 0.5
    """Seconds for which a handler may keep the event loop from running anything else before a
    warning names it; 0: no warning (PROTONATS_BLOCK_WARNING)."""

    def __post_init__(self) -> None:
        if self.redis_url is not None:
            check_url(
                "redis_url (REDIS_URL)", self.redis_url, _REDIS_SCHEMES, "redis://127.0.0.1:6379"
            )
        check_only_one(self, (("redis_ca", "REDIS_CA"), ("redis_ca_pem", "REDIS_CA_PEM")))
        if self.health_address is not None and not 0 <= self.health_address[1] <= 65535:
            raise ConfigurationError(
                f"health_address (PROTONATS_HEALTH_ADDRESS) has port {self.health_address[1]}:"
                " write 0 to 65535"
            )
        check_seconds("grace_period (PROTONATS_GRACE_PERIOD)", self.grace_period, zero=True)
        if self.max_in_flight < 1:
            raise ConfigurationError(
                f"max_in_flight (PROTONATS_MAX_IN_FLIGHT) is {self.max_in_flight}: write 1 or more"
            )
        if self.max_queued < 0:
            raise ConfigurationError(
                f"max_queued (PROTONATS_MAX_QUEUED) is {self.max_queued}: write 0 or more"
            )
        check_seconds("block_warning (PROTONATS_BLOCK_WARNING)", self.block_warning, zero=True)

    def __repr__(self) -> str:
        return _redacted_repr(self)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, *, name: str | None = None
    ) -> Self:
        """Reads the variables that the fields name; arguments and errors are those of
        `ConnectionSettings.from_environment`. A variable `PROTONATS_…` that is none of them is a
        warning in the log.
        """
        variables = Variables(os.environ if environ is None else environ)
        settings = cls(
            connection=ConnectionSettings._read(variables, name),
            redis_url=variables.optional("REDIS_URL"),
            redis_ca=variables.path("REDIS_CA"),
            redis_ca_pem=variables.optional("REDIS_CA_PEM"),
            health_address=variables.address("PROTONATS_HEALTH_ADDRESS", "0.0.0.0:8080"),
            grace_period=variables.seconds("PROTONATS_GRACE_PERIOD", 20.0),
            max_in_flight=variables.integer("PROTONATS_MAX_IN_FLIGHT", 1000),
            max_queued=variables.integer("PROTONATS_MAX_QUEUED", 1000),
            block_warning=variables.seconds("PROTONATS_BLOCK_WARNING", 0.5),
        )
        variables.warn_of_unknown("PROTONATS_", others=(_TRANSPORT,))
        return settings


def _half_of_a_pair(settings: ConnectionSettings) -> str | None:
    """What is said of a certificate without its key, or a key without its certificate."""
    certificate, key = (
        next(((name, variable) for name, variable in ways if getattr(settings, name)), None)
        for ways in _ONE_OF_EACH[1:3]
    )
    if certificate is None and key is not None:
        return f"{key[0]} ({key[1]}) is set and tls_cert (NATS_CERT) is not"
    if key is None and certificate is not None:
        return f"{certificate[0]} ({certificate[1]}) is set and tls_key (NATS_KEY) is not"
    return None


def _redacted_repr(settings: ConnectionSettings | Settings) -> str:
    values = (f"{item.name}={_shown(item, settings)}" for item in fields(settings))
    return redact(f"{type(settings).__name__}({', '.join(values)})")


def _shown(item: Field[Any], settings: ConnectionSettings | Settings) -> str:
    value = getattr(settings, item.name)
    return repr(value) if item.repr or value is None else "***"
