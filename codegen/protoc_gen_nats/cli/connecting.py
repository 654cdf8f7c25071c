"""What the commands share that talk to a server: its options, and errors in plain words."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import click

from protoc_gen_nats.errors import Place, UserError

if TYPE_CHECKING:
    from protonats.connection import Connection
    from protonats.errors import StatusError
    from protonats.settings import ConnectionSettings

__all__ = ["advice_on", "connection_options", "explained", "over_nats", "timeout_option"]

R = TypeVar("R")

_PATIENCE: Final = 2.0
"""Seconds for a server that does not answer, unless NATS_STARTUP_TIMEOUT says otherwise: a person
waits."""

_NAME: Final = "cli"
_NO_PLACE_IN_URLS: Final = re.compile(r"[\s/?#\[\]]")

_file: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS: Final = (
    click.option(
        "--server",
        "-s",
        metavar="URL",
        help="NATS servers, separated by commas. Default: NATS_URL, or nats://127.0.0.1:4222. All"
        " that follows is read from the variables of a service too.",
    ),
    click.option("--creds", type=_file, help="A .creds file to log in with. Default: NATS_CREDS."),
    click.option("--nkey", type=_file, help="A file with an nkey seed. Default: NATS_NKEY."),
    click.option(
        "--login",
        type=_file,
        help="A file with user:password, or with a token. Default: the login in NATS_URL.",
    ),
    click.option("--tls-ca", type=_file, help="Authority of the servers. Default: NATS_CA."),
    click.option("--tls-cert", type=_file, help="Own certificate. Default: NATS_CERT."),
    click.option("--tls-key", type=_file, help="Key of the certificate. Default: NATS_KEY."),
    click.option(
        "--tls-hostname",
        metavar="NAME",
        help="The name in the servers' certificate. Default: NATS_TLS_HOSTNAME, or the host.",
    ),
    click.option(
        "--name",
        "inbox_name",
        metavar="USER",
        help="Whose inbox to use, _INBOX.<USER>.>. Default: NATS_NAME, or cli.",
    ),
)


timeout_option: Final = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the first answer.",
)


def connection_options(command: Callable[..., R]) -> Callable[..., R]:
    """Gives a command the options of a connection; it gets the settings as its first argument.

    `reports_errors` has to stand above it: settings may be wrong.
    """

    @functools.wraps(command)
    def wrapped(**values: Any) -> R:
        chosen = {name: values.pop(name) for name in _NAMES}
        return command(_settings(**chosen), **values)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


_NAMES: Final = (
    "server",
    "creds",
    "nkey",
    "login",
    "tls_ca",
    "tls_cert",
    "tls_key",
    "tls_hostname",
    "inbox_name",
)


def _settings(
    *,
    server: str | None,
    creds: Path | None,
    nkey: Path | None,
    login: Path | None,
    inbox_name: str | None,
    **tls: Any,
) -> ConnectionSettings:
    from protonats.errors import ConfigurationError
    from protonats.settings import ConnectionSettings

    try:
        settings = ConnectionSettings.from_environment(name=_NAME)
        changed: dict[str, Any] = {key: value for key, value in tls.items() if value is not None}
        if "NATS_STARTUP_TIMEOUT" not in os.environ:
            changed["startup_timeout"] = _PATIENCE
        if server is not None:
            changed["servers"] = tuple(url.strip() for url in server.split(","))
            if any(_has_login(url) for url in changed["servers"]):
                raise click.UsageError(
                    "a login in --server can be read by everybody on this machine: put it into a"
                    " file, and name that with --login, or into NATS_URL"
                )
        if login is not None:
            urls = changed.get("servers", settings.servers)
            changed["servers"] = tuple(_with_login(url, login) for url in urls)
        if creds is not None or nkey is not None:
            changed |= {"credentials_file": creds, "nkey_seed_file": nkey}
        if inbox_name is not None:
            changed["name"] = inbox_name
        return replace(settings, **changed)
    except ConfigurationError as error:
        raise UserError.of(str(error)) from None


def _has_login(url: str) -> bool:
    return "@" in url.partition("://")[2]


def _with_login(url: str, file: Path) -> str:
    text = file.read_text(encoding="utf-8").strip()
    if not text or _NO_PLACE_IN_URLS.search(text):
        wrong = "it is empty" if not text else "white space and the characters / ? # [ ] cannot"
        raise UserError.of(
            f"{wrong}{'' if not text else ' be part of a login in a URL'}: write user:password, or"
            " a token",
            Place(str(file)),
        )
    parts = urlsplit(url)
    return f"{parts.scheme}://{text}@{parts.netloc.rpartition('@')[2]}"


def over_nats(settings: ConnectionSettings, act: Callable[[Connection], Awaitable[R]]) -> R:
    """Connects, runs `act`, and closes the connection.

    Raises:
        UserError: The server cannot be reached or does not let this user in, or `act` failed with
            an error of the runtime; the text says what to do.
    """
    from nats.errors import Error as NatsError

    from protonats._jetstream_errors import is_silent, reason_of
    from protonats.connection import connect
    from protonats.errors import ProtonatsError, StatusError

    # What the runtime has to say comes as an error; its log is for services.
    for name in ("protonats", "nats"):
        logging.getLogger(name).addHandler(logging.NullHandler())

    async def run() -> R:
        async with await connect(settings) as connection:
            return await act(connection)

    try:
        return asyncio.run(run())
    except StatusError as error:
        raise UserError.of(explained(error)) from None
    except ProtonatsError as error:
        raise UserError.of(str(error)) from None
    except NatsError as error:
        reason = reason_of(error)
        if is_silent(error):
            raise UserError.of(
                f"JetStream does not answer: {reason}; start nats-server with --jetstream, or allow"
                " it for the account"
            ) from None
        raise UserError.of(
            f"JetStream does not do that: {reason}; may this user ask? See `protonats doctor`"
        ) from None


_ADVICE: Final = (
    ("Connect call failed", "is it running there? Name another one with --server or NATS_URL"),
    ("Name or service not known", "is its name right? Name another one with --server or NATS_URL"),
    ("authorization violation", "it does not know this login: see --creds, --nkey and --login"),
    (
        "certificate is not valid for",
        "its certificate is for another name: give that with --tls-hostname",
    ),
    ("Hostname mismatch", "its certificate is for another name: give that with --tls-hostname"),
    ("self-signed certificate", "give its certificate authority with --tls-ca"),
    ("unable to get local issuer", "give its certificate authority with --tls-ca"),
    ("certificate required", "it wants to see a certificate: see --tls-cert and --tls-key"),
    ("bad certificate", "it does not accept this certificate: see --tls-cert and --tls-key"),
    ("TLS handshake", "does it speak TLS? See --tls-ca"),
)


def explained(error: StatusError) -> str:
    """What went wrong with a connection or a request, and what to do about it."""
    text = error.message or error.code.name
    advice = advice_on(text)
    return f"{text}; {advice}" if advice else text


def advice_on(text: str) -> str:
    """What to do about a connection that failed; empty where nothing is known."""
    found = (advice for sign, advice in _ADVICE if sign.lower() in text.lower())
    return next(found, "")
