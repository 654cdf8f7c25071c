"""Who a connection is, and whom it trusts: certificates, keys and logins, in files or as texts."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from protonats.errors import ConfigurationError
from protonats.settings import ConnectionSettings

_CREDENTIALS: Final = (b"BEGIN NATS USER JWT", b"BEGIN USER NKEY SEED")


class Identity:
    """What a connection shows to servers, and what it checks theirs with.

    Attributes:
        context: For TLS; None where none of the settings asks for it.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        """
        Raises:
            ConfigurationError: A file or a text is not what it should be.
        """
        self._settings = settings
        self._read: tuple[object, ...] = ()
        self.context: ssl.SSLContext | None = None
        if wants_tls(settings):
            self._read = self._stamps()
            self.context = _context(settings)
        check_login(settings)

    def refresh(self) -> None:
        """Reads the files of certificates again if they were replaced: a certificate may have ended
        since the last connection, and its successor be there. An authority that was trusted stays
        so.

        Raises:
            ConfigurationError: They cannot be used; the next call tries again.
        """
        if self.context is not None and (stamps := self._stamps()) != self._read:
            with _naming_the_authority(self._settings):
                if self._settings.tls_ca is not None:
                    self.context.load_verify_locations(self._settings.tls_ca)
            _load_certificate(self.context, self._settings)
            self._read = stamps

    def _stamps(self) -> tuple[object, ...]:
        settings = self._settings
        return tuple(map(_stamp, (settings.tls_ca, settings.tls_cert, settings.tls_key)))


def wants_tls(settings: ConnectionSettings) -> bool:
    """Whether a connection without TLS is to be refused."""
    given = (
        *(settings.tls_ca, settings.tls_cert, settings.tls_key),
        *(settings.tls_ca_pem, settings.tls_cert_pem, settings.tls_key_pem),
    )
    return any(given) or any(url.startswith("tls://") for url in settings.servers)


def login(settings: ConnectionSettings) -> dict[str, Any]:
    """The login, as arguments of nats-py's `connect`."""
    from nats.aio.client import RawCredentials

    credentials = settings.credentials
    return {
        "nkeys_seed": _text(settings.nkey_seed_file),
        "nkeys_seed_str": settings.nkey_seed,
        "user_credentials": (
            _text(settings.credentials_file) if credentials is None else RawCredentials(credentials)
        ),
    }


def _context(settings: ConnectionSettings) -> ssl.SSLContext:
    for name, path in (
        ("NATS_CA", settings.tls_ca),
        ("NATS_CERT", settings.tls_cert),
        ("NATS_KEY", settings.tls_key),
    ):
        if path is not None:
            _content(name, path)
    with _naming_the_authority(settings):
        context = ssl.create_default_context(cafile=settings.tls_ca, cadata=settings.tls_ca_pem)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_certificate(context, settings)
    return context


@contextmanager
def _naming_the_authority(settings: ConnectionSettings) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        of_file = f"tls_ca (NATS_CA) {settings.tls_ca}"
        name = of_file if settings.tls_ca_pem is None else "tls_ca_pem (NATS_CA_PEM)"
        raise ConfigurationError(f"{name} is no certificate in PEM format: {error}") from None


def _load_certificate(context: ssl.SSLContext, settings: ConnectionSettings) -> None:
    certificate, key = settings.tls_cert, settings.tls_key
    names = [f"tls_cert (NATS_CERT) {certificate}", f"tls_key (NATS_KEY) {key}"]
    with ExitStack() as stack:
        if settings.tls_cert_pem is not None:
            names[0] = "tls_cert_pem (NATS_CERT_PEM)"
            certificate = stack.enter_context(_as_file(names[0], settings.tls_cert_pem))
        if settings.tls_key_pem is not None:
            names[1] = "tls_key_pem (NATS_KEY_PEM)"
            key = stack.enter_context(_as_file(names[1], settings.tls_key_pem))
        try:
            if certificate is not None:
                context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"{names[0]} and {names[1]} are not a certificate and its key in PEM format:"
                f" {error}"
            ) from None


@contextmanager
def _as_file(name: str, text: str) -> Iterator[Path]:
    """A text as a file that OpenSSL can read once, and that no disk ever holds: a pipe."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        content = text.encode()
        with open(writing, "wb", buffering=0) as pipe:
            try:
                written = pipe.write(content)
            except BlockingIOError:
                written = 0
        if written != len(content):
            raise ConfigurationError(
                f"{name} has {len(content)} bytes: more than a certificate or a key is long"
            )
        yield Path(f"/dev/fd/{reading}")
    finally:
        os.close(reading)


def check_login(settings: ConnectionSettings) -> None:
    """Checks what the settings log in with, before nats-py reads it.

    Raises:
        ConfigurationError: It cannot be read or is not what it should be.
    """
    if settings.nkey_seed_file is not None:
        path = settings.nkey_seed_file
        _check_seed(f"nkey_seed_file (NATS_NKEY) {path}", _content("NATS_NKEY", path))
    if settings.nkey_seed is not None:
        _check_seed("nkey_seed (NATS_NKEY_SEED)", settings.nkey_seed.encode())
    if settings.credentials_file is not None:
        path = settings.credentials_file
        _check_credentials(
            f"credentials_file (NATS_CREDS) {path} is not a .creds file",
            _content("NATS_CREDS", path),
        )
    if settings.credentials is not None:
        _check_credentials(
            "credentials (NATS_CREDS_TEXT) is not the text of a .creds file",
            settings.credentials.encode(),
        )


def _check_seed(what: str, content: bytes) -> None:
    # Signing loads a library of its own, which processes without an nkey have no use for.
    import nkeys

    try:
        nkeys.from_seed(bytearray(content.strip())).wipe()
    except (nkeys.NkeysError, ValueError):
        raise ConfigurationError(
            f"{what} is no nkey seed: it begins with SU and has 58 characters"
        ) from None


def _check_credentials(what: str, content: bytes) -> None:
    # nats-py would look for these lines for ever.
    if not all(block in content for block in _CREDENTIALS):
        raise ConfigurationError(
            f"{what}: it has no BEGIN NATS USER JWT and no BEGIN USER NKEY SEED"
        )


def _content(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{name} names {path}, which cannot be read: {error.strerror}"
        ) from None


def _stamp(path: Path | None) -> object:
    """What is different once a file was replaced."""
    try:
        status = path.stat() if path is not None else None
    except OSError:
        return None
    return status and (status.st_mtime_ns, status.st_ino, status.st_size)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
