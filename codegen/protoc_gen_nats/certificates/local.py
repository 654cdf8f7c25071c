"""A CA in a folder: `cert.pem`, `key.pem`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from protoc_gen_nats.certificates.authorities import ends, pem_of
from protoc_gen_nats.certificates.requests import Request, alternative_names, key_pem, new_key
from protoc_gen_nats.errors import Place, UserError
from protoc_gen_nats.keys.folder import write_private

__all__ = ["LocalAuthority"]

_LIFETIME: Final = timedelta(days=3650)
_CLOCKS: Final = timedelta(minutes=5)
"""By how much the clocks of those who check may be behind."""

_CERTIFICATE, _KEY = "cert.pem", "key.pem"


class LocalAuthority:
    """A CA whose key is in a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def exists(self) -> bool:
        """Whether it was made already."""
        return (self._folder / _CERTIFICATE).exists() or (self._folder / _KEY).exists()

    def make(self, name: str, now: datetime) -> None:
        """Makes it: a new key, and a certificate of its own for ten years."""
        key = new_key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} CA")])
        usage = _usage(key_cert_sign=True, crl_sign=True)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCKS)
            .not_valid_after(now + _LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .sign(key, hashes.SHA256())
        )
        write_private(self._folder, {_KEY: key_pem(key), _CERTIFICATE: pem_of(certificate)})

    def trusted(self) -> tuple[x509.Certificate, ...]:
        return (self._certificate(),)

    def sign(self, request: Request, *, start: datetime, end: datetime) -> str:
        authority, key = self._certificate(), self._key()
        if ends(authority) < end:
            raise UserError.of(
                f"the CA ends on {ends(authority):%Y-%m-%d}, before a certificate would that is"
                " made now: change to another CA, as `protonats certs renew --help` says",
                Place(str(self._folder / _CERTIFICATE)),
            )
        public = request.signing_request.public_key()
        serving = [ExtendedKeyUsageOID.SERVER_AUTH] if request.serving else []
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.signing_request.subject)
            .issuer_name(authority.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(start - _CLOCKS, authority.not_valid_before_utc))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([*serving, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
            )
        )
        if request.names:
            names = x509.SubjectAlternativeName(alternative_names(request.names))
            builder = builder.add_extension(names, critical=False)
        return pem_of(builder.sign(key, hashes.SHA256()))

    def _certificate(self) -> x509.Certificate:
        path = self._folder / _CERTIFICATE
        try:
            return x509.load_pem_x509_certificate(path.read_bytes())
        except ValueError:
            text = "no certificate in PEM format: restore it from a backup"
            raise UserError.of(text, Place(str(path))) from None
        except FileNotFoundError:
            text = "the CA is missing: make it with `protonats certs create`, or restore it"
            raise UserError.of(text, Place(str(path))) from None

    def _key(self) -> ec.EllipticCurvePrivateKey:
        path = self._folder / _KEY
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError:
            text = "the CA has a certificate and no key: restore it from a backup"
            raise UserError.of(text, Place(str(path))) from None
        except (ValueError, TypeError):
            text = "no private key in PEM format: restore it from a backup"
            raise UserError.of(text, Place(str(path))) from None
        own = self._certificate().public_key()
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != own:
            text = "not the key of the CA's certificate: restore it from a backup"
            raise UserError.of(text, Place(str(path)))
        return key


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
