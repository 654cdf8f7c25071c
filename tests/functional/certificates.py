"""Certificates for tests, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificates(directory: Path) -> None:
    """Writes an authority, `ca.pem`, and a certificate for `nats.internal` that is good both ways,
    `cert.pem` with `key.pem`."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    openssl(
        "req", *curve, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=nats.internal"
    )
    (directory / "extensions").write_text("subjectAltName=DNS:nats.internal\n")
    sign = ("-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
    openssl("x509", *sign, "-out", "cert.pem", "-extfile", "extensions")
