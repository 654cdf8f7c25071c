"""Those who sign certificates."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from cryptography import x509

from protoc_gen_nats.certificates.requests import Request

__all__ = ["Authority", "ends", "pem_of"]


class Authority(Protocol):
    """A CA."""

    def trusted(self) -> tuple[x509.Certificate, ...]:
        """What others have to trust, the CA's own certificate first.

        Raises:
            UserError: It cannot be read.
        """
        ...

    def sign(self, request: Request, *, start: datetime, end: datetime) -> str:
        """A certificate, and what leads from it to one that is trusted, in PEM format.

        Raises:
            UserError: It cannot be signed.
        """
        ...


def pem_of(*certificates: x509.Certificate) -> str:
    """Certificates in PEM format."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def ends(certificate: x509.Certificate) -> datetime:
    """The last moment at which a certificate is good."""
    return certificate.not_valid_after_utc
