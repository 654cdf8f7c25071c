"""`protonats certs`: a CA of one's own, certificates of nodes and users, renewed in time."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

from protoc_gen_nats.certificates.issuing import Issuer, Wanted
from protoc_gen_nats.certificates.local import LocalAuthority
from protoc_gen_nats.environments import CertificateSettings
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.keys.folder import FolderStore
from protoc_gen_nats.keys.places import node, user
from tests.functional.deployed import NODES, USERS, Deployed

HERE = ("--san", "localhost", "--san", "127.0.0.1")
DAY = timedelta(days=1)


@pytest.fixture
def shop(tmp_path: Path) -> Deployed:
    shop = Deployed(tmp_path)
    shop.done("certs", "create", *HERE)
    return shop


def certificate(shop: Deployed, holder: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(shop.secret(f"{holder}/cert.pem").encode())


def usages(found: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def names(found: x509.Certificate) -> list[str]:
    extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(one.value) for one in extension.value]


def openssl_says(shop: Deployed, holder: str, purpose: str, authority: str = "") -> str:
    """What OpenSSL says to a certificate and what it is used for."""
    folder = shop.folder / holder
    trusted = authority or str(folder / "ca.pem")
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", trusted]
    done = subprocess.run(
        [*command, str(folder / "cert.pem")], capture_output=True, text=True, check=False
    )
    return (done.stdout + done.stderr).replace(str(folder), "")


def test_nodes_and_users_get_certificates_of_the_ca(shop: Deployed) -> None:
    for holder in (*(f"nodes/{one}" for one in NODES), *(f"users/{one}" for one in USERS)):
        found = certificate(shop, holder)
        key = load_pem_private_key(shop.secret(f"{holder}/key.pem").encode(), password=None)
        assert key.public_key() == found.public_key()
        assert shop.secret(f"{holder}/ca.pem") == shop.secret("ca/cert.pem")
        assert openssl_says(shop, holder, "sslclient") == "/cert.pem: OK\n"
        assert 90 * DAY - (found.not_valid_after_utc - datetime.now(UTC)) < timedelta(minutes=5)


def test_nodes_are_servers_under_their_names_and_users_are_clients(shop: Deployed) -> None:
    found = certificate(shop, "nodes/nats-2")
    assert usages(found) == [Usage.SERVER_AUTH, Usage.CLIENT_AUTH]
    assert names(found) == ["nats-2", "localhost", "127.0.0.1"]
    assert openssl_says(shop, "nodes/nats-2", "sslserver") == "/cert.pem: OK\n"
    assert usages(certificate(shop, "users/order")) == [Usage.CLIENT_AUTH]
    assert "unsuitable certificate purpose" in openssl_says(shop, "users/order", "sslserver")


def test_other_servers_get_certificates_as_well(shop: Deployed) -> None:
    done = shop.done("certs", "create", *HERE, "--node", "redis-1", "--node", "redis-2")
    assert done == {"created": ["nodes/redis-1", "nodes/redis-2"], "certificates": 15}
    assert names(certificate(shop, "nodes/redis-1")) == ["redis-1", "localhost", "127.0.0.1"]


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    shop, before = Deployed(tmp_path), os.umask(0)
    try:
        shop.done("certs", "create")
        shop.done("certs", "renew", "--all")
    finally:
        os.umask(before)
    assert shop.modes() == {(True, 0o700), (False, 0o600)}


def test_no_key_is_printed(tmp_path: Path) -> None:
    shop = Deployed(tmp_path)
    said = shop.said("certs", "create") + shop.said("certs", "list")
    keys = [path.read_text().splitlines()[1] for path in shop.folder.rglob("key.pem")]
    assert len(keys) == 1 + len(NODES) + len(USERS)
    assert not [key for key in keys if key in said]


def test_what_is_not_due_stays(shop: Deployed) -> None:
    before = {path: path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()}
    assert shop.said("certs", "create", *HERE) == "13 certificates, 0 created\n"
    assert shop.said("certs", "renew", *HERE) == "13 certificates, 0 renewed\n"
    assert before == {path: path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()}


def test_everything_can_be_renewed(shop: Deployed) -> None:
    before = certificate(shop, "users/order")
    assert len(shop.done("certs", "renew", *HERE, "--all")["renewed"]) == 13
    after = certificate(shop, "users/order")
    assert before.serial_number != after.serial_number
    assert before.public_key() != after.public_key()


def test_another_name_is_a_reason(shop: Deployed) -> None:
    done = shop.done("certs", "renew", *HERE, "--san", "nats.internal")
    assert done["renewed"] == [f"nodes/{one}" for one in NODES]
    assert "nats.internal" in names(certificate(shop, "nodes/nats-1"))


def test_a_key_of_another_certificate_is_a_reason(shop: Deployed) -> None:
    shop.spoil("users/order/key.pem", shop.secret("users/stock/key.pem"))
    assert shop.done("certs", "renew", *HERE)["renewed"] == ["users/order"]
    shop.spoil("users/order/key.pem")
    assert shop.done("certs", "renew", *HERE)["renewed"] == ["users/order"]


def test_the_manifest_says_how_long_they_are_good(shop: Deployed) -> None:
    manifest = "    alerts: {consumer_lag: 500"
    settings = "    certificates: {lifetime: 7d, renew_before: 2d}\n"
    days = ", certificate_expiry: 1d"
    shop.replace("protonats.yaml", manifest, settings + "    alerts: {consumer_lag: 500" + days)
    shop.done("certs", "renew", *HERE, "--all")
    left = certificate(shop, "users/order").not_valid_after_utc - datetime.now(UTC)
    assert 6 * DAY < left < 7 * DAY


def test_the_list_says_what_is_due_and_why(shop: Deployed) -> None:
    (shop.folder / "users" / "stock" / "cert.pem").unlink()
    listed = {one["holder"]: one for one in shop.done("certs", "list", "--san", "other")}
    assert listed["nodes/nats-1"]["due"] == "it is not for other"
    assert listed["users/order"]["due"] is None
    assert listed["users/stock"]["due"] == "missing"
    assert listed["users/stock"]["end"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", listed["users/order"]["end"])
    header, *lines = shop.said("certs", "list").splitlines()
    assert header.split() == ["holder", "start", "end", "names", "due"]
    assert len(lines) == 13
    assert lines[0].split()[0] == "nodes/nats-1"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(tmp_path: Path, clock: Clock) -> Callable[..., Issuer]:
    """What makes an issuer with a CA of its own."""

    def make(*also: LocalAuthority) -> Issuer:
        authority = LocalAuthority(tmp_path / "ca")
        if not authority.exists:
            authority.make("shop", clock())
        store = FolderStore(tmp_path)
        return Issuer(store, authority, CertificateSettings(), clock, also_trusted=also)

    return make


WANTED = [Wanted(holder=node("nats-1"), names=("nats-1",)), Wanted(holder=user("order"))]


def test_certificates_of_ninety_days_are_renewed_thirty_days_before_their_end(
    issuer: Callable[..., Issuer], clock: Clock
) -> None:
    here = issuer()
    here.create(WANTED)
    clock.moment += 60 * DAY - timedelta(seconds=1)
    assert [*here.renew(WANTED)] == []
    clock.moment += timedelta(seconds=1)
    assert [one.due for one in here.certificates(WANTED)] == ["it ends soon", "it ends soon"]
    assert [*here.renew(WANTED)] == [one.holder for one in WANTED]
    assert [*here.renew(WANTED)] == []
    assert [one.end for one in here.certificates(WANTED)] == [clock.moment + 90 * DAY] * 2
    clock.moment += 90 * DAY
    assert [one.due for one in here.certificates(WANTED)] == ["it has ended", "it has ended"]


def test_the_ca_has_to_outlive_what_it_signs(
    issuer: Callable[..., Issuer], clock: Clock, tmp_path: Path
) -> None:
    here = issuer()
    here.create(WANTED)
    before = (tmp_path / "users" / "order" / "cert.pem").read_bytes()
    clock.moment += 3650 * DAY - 89 * DAY
    with pytest.raises(UserError) as raised:
        list(here.renew(WANTED))
    assert str(raised.value) == (
        f"{tmp_path}/ca/cert.pem: the CA ends on 2036-02-27, before a certificate would that is"
        " made now: change to another CA, as `protonats certs renew --help` says"
    )
    assert (tmp_path / "users" / "order" / "cert.pem").read_bytes() == before
