"""Private keys, and what a CA is asked to sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from protoc_gen_nats.errors import UserError

__all__ = ["Names", "Request", "alternative_names", "key_pem", "new_key", "request_for"]

Names = tuple[str, ...]
"""Host names and addresses that a certificate is good for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is to be signed."""

    name: str
    """Whose it is (CN)."""

    names: Names
    serving: bool
    """Whether it is good for servers, and not for clients alone."""

    signing_request: x509.CertificateSigningRequest


def new_key() -> ec.EllipticCurvePrivateKey:
    """A new private key, on the curve P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """A private key as nats-server and OpenSSL read it, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def request_for(
    key: ec.EllipticCurvePrivateKey, name: str, names: Names, *, serving: bool
) -> Request:
    """The request of somebody with a key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        extension = x509.SubjectAlternativeName(alternative_names(names))
        builder = builder.add_extension(extension, critical=False)
    signed = builder.sign(key, hashes.SHA256())
    return Request(name=name, names=names, serving=serving, signing_request=signed)


def alternative_names(names: Sequence[str]) -> list[x509.GeneralName]:
    """Host names and addresses as certificates have them.

    Raises:
        UserError: One of them is neither.
    """
    return [_general(name) for name in names]


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    wrong = not name or any(letter.isspace() or letter in "/:@," for letter in name)
    if wrong or not name.isascii():
        raise UserError.of(f"{name!r} is no host name and no address: write one of them")
    return x509.DNSName(name)
