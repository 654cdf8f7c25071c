"""Certificates that are made where there are none, and renewed when they are due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from protoc_gen_nats.certificates.authorities import Authority, ends, pem_of
from protoc_gen_nats.certificates.requests import Names, key_pem, new_key, request_for
from protoc_gen_nats.environments import CertificateSettings
from protoc_gen_nats.errors import Place, UserError
from protoc_gen_nats.keys.places import CA, CERTIFICATE, PRIVATE_KEY, Holder, Store

__all__ = ["Certificate", "Issuer", "Wanted"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One who shall have a certificate."""

    holder: Holder
    names: Names = ()
    """Host names and addresses; none for one who serves nobody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """A certificate, or that there is none."""

    holder: Holder
    start: datetime | None
    end: datetime | None
    names: Names
    due: str
    """Why it has to be renewed; empty: it does not."""


class Issuer:
    """Makes certificates for those who shall have them."""

    def __init__(
        self,
        store: Store,
        authority: Authority,
        settings: CertificateSettings,
        now: Callable[[], datetime],
        *,
        also_trusted: Sequence[Authority] = (),
    ) -> None:
        """
        Args:
            store: Where keys and certificates are.
            authority: Who signs.
            settings: How long they are good.
            now: The clock.
            also_trusted: Other CAs whose certificates everybody shall trust: an old one, or the one
                that is next.
        """
        self._store = store
        self._authority = authority
        self._settings = settings
        self._now = now
        self._also_trusted = also_trusted

    def create(self, wanted: Sequence[Wanted]) -> list[Holder]:
        """Makes the certificates that are missing; returns whose they are."""
        made = []
        for one in wanted:
            if CERTIFICATE not in self._store.read(one.holder):
                self._issue(one)
                made.append(one.holder)
        return made

    def renew(self, wanted: Sequence[Wanted], *, everything: bool = False) -> Iterator[Holder]:
        """Renews what is due, or everything, and tells everybody whom to trust; gives those for
        whom something has changed.

        Each gets a new key with its new certificate. Who has no certificate is left out.

        Raises:
            UserError: A certificate cannot be read, or not be signed. What was renewed before stays
                so.
        """
        trust = self._trust()
        for one in wanted:
            fields = self._store.read(one.holder)
            if CERTIFICATE not in fields:
                continue
            if everything or self._due(one, fields):
                self._issue(one)
            elif fields.get(CA) != trust:
                self._store.write(one.holder, {**fields, CA: trust})
            else:
                continue
            yield one.holder

    def certificates(self, wanted: Sequence[Wanted]) -> Iterator[Certificate]:
        """What there is of them."""
        for one in wanted:
            fields = self._store.read(one.holder)
            if CERTIFICATE not in fields:
                yield Certificate(holder=one.holder, start=None, end=None, names=(), due="missing")
                continue
            found = self._certificate(one.holder, fields)
            yield Certificate(
                holder=one.holder,
                start=found.not_valid_before_utc,
                end=ends(found),
                names=_names(found),
                due=self._due(one, fields),
            )

    def _issue(self, one: Wanted) -> None:
        key, now = new_key(), self._now()
        request = request_for(key, one.holder.name, one.names, serving=one.holder.kind == "nodes")
        certificate = self._authority.sign(
            request, start=now, end=now + timedelta(seconds=self._settings.lifetime)
        )
        own = {CA: self._trust(), CERTIFICATE: certificate, PRIVATE_KEY: key_pem(key)}
        self._store.write(one.holder, {**self._store.read(one.holder), **own})

    def _due(self, one: Wanted, fields: Mapping[str, str]) -> str:
        certificate, now = self._certificate(one.holder, fields), self._now()
        if ends(certificate) <= now:
            return "it has ended"
        if ends(certificate) <= now + timedelta(seconds=self._settings.renew_before):
            return "it ends soon"
        if missing := [name for name in one.names if name not in _names(certificate)]:
            return f"it is not for {missing[0]}"
        if not _signed_by(certificate, self._authority.trusted()[0]):
            return "another CA has signed it"
        if not _fit(certificate, fields.get(PRIVATE_KEY, "")):
            return "its key is another one's"
        return ""

    def _certificate(self, holder: Holder, fields: Mapping[str, str]) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(fields[CERTIFICATE].encode())
        except ValueError:
            text = "its certificate is damaged: restore it from a backup, or remove it"
            raise UserError.of(text, Place(self._store.where(holder))) from None

    def _trust(self) -> str:
        """The CA, and the others that are trusted and have not ended."""
        all_of_them = [*self._authority.trusted()]
        for authority in self._also_trusted:
            all_of_them += [one for one in authority.trusted() if one not in all_of_them]
        return pem_of(*all_of_them)


def _names(certificate: x509.Certificate) -> Names:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(one.value) for one in extension.value)


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _fit(certificate: x509.Certificate, key: str) -> bool:
    try:
        return load_pem_private_key(key.encode(), password=None).public_key() == (
            certificate.public_key()
        )
    except (ValueError, TypeError):
        return False
