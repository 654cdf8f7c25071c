"""Certificates for connections that are encrypted, made anew for each run."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import Final

__all__ = ["AUTHORITY", "CERTIFICATE", "HOST", "KEY", "context", "make", "of_server"]

HOST: Final = "localhost"
"""The name in the server's certificate."""

AUTHORITY: Final = "authority.pem"
"""The file of the authority's certificate."""

CERTIFICATE: Final = "certificate.pem"
"""The file of the server's certificate."""

KEY: Final = "key.pem"
"""The file of its private key."""


def make(folder: Path) -> None:
    """Writes them, with the program `openssl`."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    authority = ("-keyout", "authority.key", "-out", AUTHORITY, "-subj", "/CN=bench")
    openssl(*new, "-x509", *authority)
    openssl(*new, "-keyout", KEY, "-out", "request.pem", "-subj", f"/CN={HOST}")
    (folder / "names").write_text(f"subjectAltName=DNS:{HOST},IP:127.0.0.1\n", encoding="ascii")
    sign = ("-CA", AUTHORITY, "-CAkey", "authority.key", "-CAcreateserial", "-extfile", "names")
    openssl("x509", "-req", "-in", "request.pem", *sign, "-out", CERTIFICATE)


def of_server(folder: str) -> tuple[bytes, bytes]:
    """The server's private key and certificate."""
    return Path(folder, KEY).read_bytes(), Path(folder, CERTIFICATE).read_bytes()


def context(folder: str) -> ssl.SSLContext:
    """What a client checks the server with."""
    return ssl.create_default_context(cafile=Path(folder, AUTHORITY))
