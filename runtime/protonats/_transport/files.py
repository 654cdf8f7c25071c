"""The files that connection settings name: certificates, keys, credentials."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from protonats.errors import ConfigurationError
from protonats.settings import ConnectionSettings

_CREDENTIALS: Final = (b"BEGIN NATS USER JWT", b"BEGIN USER NKEY SEED")


def wants_tls(settings: ConnectionSettings) -> bool:
    """Whether a connection without TLS is to be refused."""
    files = (settings.tls_ca, settings.tls_cert, settings.tls_key)
    return any(files) or any(url.startswith("tls://") for url in settings.servers)


def tls_context(settings: ConnectionSettings) -> ssl.SSLContext:
    """What checks the server's certificate and shows this client's.

    Raises:
        ConfigurationError: A file cannot be read or is not what it should be.
    """
    for name, path in (
        ("NATS_CA", settings.tls_ca),
        ("NATS_CERT", settings.tls_cert),
        ("NATS_KEY", settings.tls_key),
    ):
        if path is not None:
            _read(name, path)
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca)
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"tls_ca (NATS_CA) {settings.tls_ca} is no certificate in PEM format: {error}"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.tls_cert is not None:
        try:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
        except ssl.SSLError as error:
            raise ConfigurationError(
                f"tls_cert (NATS_CERT) {settings.tls_cert} and tls_key (NATS_KEY)"
                f" {settings.tls_key} are not a certificate and its key in PEM format: {error}"
            ) from None
    return context


def check_login(settings: ConnectionSettings) -> None:
    """Checks the file to log in with, before nats-py reads it.

    Raises:
        ConfigurationError: It cannot be read or is not what it should be.
    """
    if settings.nkey_seed_file is not None:
        # Signing loads a library of its own, which processes without an nkey have no use for.
        import nkeys

        path = settings.nkey_seed_file
        seed = bytearray(_read("NATS_NKEY", path).strip())
        try:
            nkeys.from_seed(seed).wipe()
        except nkeys.NkeysError:
            raise ConfigurationError(
                f"nkey_seed_file (NATS_NKEY) {path} is no nkey seed: it begins with SU and has 58"
                " characters"
            ) from None
    if settings.credentials_file is not None:
        path = settings.credentials_file
        content = _read("NATS_CREDS", path)
        # nats-py would look for these lines for ever.
        if not all(block in content for block in _CREDENTIALS):
            raise ConfigurationError(
                f"credentials_file (NATS_CREDS) {path} is not a .creds file: it has no BEGIN NATS"
                " USER JWT and no BEGIN USER NKEY SEED"
            )


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{name} names {path}, which cannot be read: {error.strerror}"
        ) from None
