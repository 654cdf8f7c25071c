"""What `protonats certs` says when something is wrong; and one CA in place of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.deployed import NODES, USERS, Deployed


@pytest.fixture
def shop(tmp_path: Path) -> Deployed:
    shop = Deployed(tmp_path)
    shop.done("certs", "create")
    return shop


@pytest.mark.parametrize(
    ("path", "content", "text"),
    [
        (
            "ca/cert.pem",
            "damaged",
            "DIR/ca/cert.pem: no certificate in PEM format: restore it from a backup",
        ),
        (
            "ca/cert.pem",
            "",
            "DIR/ca/cert.pem: the CA is missing: make it with `protonats certs create`, or restore"
            " it",
        ),
        (
            "ca/key.pem",
            "damaged",
            "DIR/ca/key.pem: no private key in PEM format: restore it from a backup",
        ),
        (
            "ca/key.pem",
            "",
            "DIR/ca/key.pem: the CA has a certificate and no key: restore it from a backup",
        ),
        (
            "users/order/cert.pem",
            "damaged",
            "DIR/users/order: its certificate is damaged: restore it from a backup, or remove it",
        ),
    ],
)
def test_a_file_that_is_damaged_or_missing(
    shop: Deployed, path: str, content: str, text: str
) -> None:
    if content:
        shop.spoil(path, content)
    else:
        (shop.folder / path).unlink()
    assert shop.refused("certs", "renew", *(["--all"] if "ca" in path else [])) == text


def test_a_key_that_is_not_the_cas(shop: Deployed) -> None:
    shop.spoil("ca/key.pem", shop.secret("users/order/key.pem"))
    assert shop.refused("certs", "renew", "--all") == (
        "DIR/ca/key.pem: not the key of the CA's certificate: restore it from a backup"
    )


def test_a_ca_of_which_a_part_is_left_is_not_made_anew(shop: Deployed) -> None:
    (shop.folder / "ca" / "cert.pem").unlink()
    key = shop.secret("ca/key.pem")
    (shop.folder / "users" / "order" / "cert.pem").unlink()
    assert shop.refused("certs", "create").startswith("DIR/ca/cert.pem: the CA is missing: ")
    assert shop.secret("ca/key.pem") == key


@pytest.mark.parametrize("name", ["", "a b", "https://nats", "nats:4222", "ñ"])
def test_a_name_that_is_none(shop: Deployed, name: str) -> None:
    assert shop.refused("certs", "create", "--san", name) == (
        f"{name!r} is no host name and no address: write one of them"
    )


def test_a_node_that_would_be_elsewhere(shop: Deployed) -> None:
    assert shop.refused("certs", "create", "--node", "../users/order").startswith(
        "'../users/order' is no host name and no address"
    )


def test_a_restart_is_for_aws(shop: Deployed) -> None:
    result = shop.asked("certs", "renew", "--restart")
    assert result.exit_code == 2
    assert "--restart is for --to aws: restart yourself what runs elsewhere" in result.stderr


def test_another_ca_takes_over_in_three_steps(shop: Deployed) -> None:
    everybody = [f"nodes/{one}" for one in NODES] + [f"users/{one}" for one in USERS]
    old, new = str(shop.folder / "ca"), str(shop.folder / "next-ca")
    before = shop.secret("users/order/cert.pem")
    assert shop.done("certs", "create", "--ca", new)["created"] == []
    authorities = shop.secret("ca/cert.pem"), shop.secret("next-ca/cert.pem")
    assert authorities[0] != authorities[1]
    # Everybody trusts both.
    assert shop.done("certs", "renew", "--ca", old, "--trust", new)["renewed"] == everybody
    assert shop.secret("users/order/ca.pem") == "".join(authorities)
    assert shop.secret("users/order/cert.pem") == before
    # The new one signs.
    assert shop.done("certs", "renew", "--ca", new, "--trust", old)["renewed"] == everybody
    assert shop.secret("users/order/ca.pem") == "".join(reversed(authorities))
    after = shop.secret("users/order/cert.pem")
    assert after != before
    # Nobody trusts the old one.
    assert shop.done("certs", "renew", "--ca", new)["renewed"] == everybody
    assert shop.secret("users/order/ca.pem") == authorities[1]
    assert shop.secret("users/order/cert.pem") == after
    assert shop.done("certs", "renew", "--ca", new)["renewed"] == []
