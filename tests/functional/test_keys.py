"""`protonats keys` with nkeys: made once, listed, and rotated in two steps."""

from __future__ import annotations

import os
from pathlib import Path

import nkeys
import pytest

from tests.functional.deployed import USERS, Deployed


@pytest.fixture
def shop(tmp_path: Path) -> Deployed:
    return Deployed(tmp_path)


def public(seed: str) -> str:
    return bytes(nkeys.from_seed(bytearray(seed.encode())).public_key).decode()


def published(shop: Deployed) -> dict[str, str]:
    """The variables that the servers read."""
    lines = [line for line in shop.secret("keys.conf").splitlines() if line[0] != "#"]
    return dict(line.split(": ") for line in lines)


def test_each_user_gets_a_key_and_the_servers_know_two(shop: Deployed) -> None:
    assert shop.done("keys", "create") == {"created": [*USERS], "users": len(USERS)}
    variables = published(shop)
    assert [*variables] == [
        f"{prefix}NKEY_{user.upper()}" for user in USERS for prefix in ("", "NEXT_")
    ]
    assert len({*variables.values()}) == 2 * len(USERS)
    for user in USERS:
        assert variables[f"NKEY_{user.upper()}"] == public(shop.secret(f"users/{user}/nkey.seed"))


def test_nobody_else_can_read_them(shop: Deployed) -> None:
    before = os.umask(0)
    try:
        shop.done("keys", "create")
        shop.done("keys", "rotate", "--all")
    finally:
        os.umask(before)
    assert shop.modes() == {(True, 0o700), (False, 0o600)}


def test_no_secret_is_printed(shop: Deployed) -> None:
    said = [
        shop.said("keys", "create"),
        shop.said("keys", "list"),
        shop.said("keys", "list", "--json"),
        shop.said("keys", "rotate", "order"),
        shop.said("keys", "rotate", "order", "--finish"),
    ]
    seeds = [path.read_text() for path in shop.folder.glob("users/*/nkey.seed")]
    assert len(seeds) == len(USERS)
    assert not [seed for seed in seeds if seed in "".join(said)]
    assert not [seed for seed in seeds if seed in shop.secret("keys.conf")]


def test_keys_that_are_there_stay(shop: Deployed) -> None:
    shop.done("keys", "create")
    before = {path: path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()}
    assert shop.said("keys", "create") == "8 users, 0 new keys\n"
    assert before == {path: path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()}


def test_a_new_user_gets_its_key_beside_the_others(shop: Deployed) -> None:
    shop.done("keys", "create")
    before = published(shop)
    (shop.folder / "users" / "stock" / "nkey.seed").unlink()
    assert shop.said("keys", "create") == "made a key for stock\n8 users, 1 new key\n"
    after = published(shop)
    assert {name for name in after if after[name] != before[name]} >= {"NKEY_STOCK"}
    assert {name for name in after if after[name] != before[name]} <= {
        "NKEY_STOCK",
        "NEXT_NKEY_STOCK",
    }


def test_a_seed_that_was_made_elsewhere_is_kept(shop: Deployed) -> None:
    seed = nkeys.encode_seed(b"1" * 32, nkeys.PREFIX_BYTE_USER).decode()
    (shop.folder / "users" / "order").mkdir(parents=True)
    shop.spoil("users/order/nkey.seed", seed)
    assert "order" not in shop.done("keys", "create")["created"]
    assert published(shop)["NKEY_ORDER"] == public(seed)
    assert published(shop)["NEXT_NKEY_ORDER"] != public(seed)


def test_a_rotation_takes_two_steps(shop: Deployed) -> None:
    shop.done("keys", "create")
    before = published(shop)
    assert shop.said("keys", "rotate", "order") == (
        "1 user with a new key: the old one is taken as well, until --finish\n"
    )
    during = published(shop)
    # The servers have known the new key all the time, and know the old one still.
    assert during["NKEY_ORDER"] == before["NEXT_NKEY_ORDER"]
    assert during["NEXT_NKEY_ORDER"] == before["NKEY_ORDER"]
    assert public(shop.secret("users/order/nkey.seed")) == during["NKEY_ORDER"]
    assert shop.said("keys", "rotate", "order", "--finish") == (
        "1 user with a new key: the old one is refused\n"
    )
    after = published(shop)
    assert after["NKEY_ORDER"] == during["NKEY_ORDER"]
    assert after["NEXT_NKEY_ORDER"] not in before.values()
    others = {name for name in before if before[name] != after[name]}
    assert others == {"NKEY_ORDER", "NEXT_NKEY_ORDER"}


def test_all_users_rotate_together(shop: Deployed) -> None:
    shop.done("keys", "create")
    before = published(shop)
    assert shop.done("keys", "rotate", "--all")["users"] == [*USERS]
    assert shop.done("keys", "rotate", "--all", "--finish")["users"] == [*USERS]
    assert not {*before.values()} & {
        key for name, key in published(shop).items() if name.startswith("NEXT_")
    }
    assert shop.said("keys", "rotate", "--all", "--finish") == (
        "Nothing to do: no key is being rotated.\n"
    )


def test_a_key_that_somebody_has_got_is_replaced_at_once(shop: Deployed) -> None:
    shop.done("keys", "create")
    old = published(shop)["NKEY_ORDER"]
    assert shop.done("keys", "rotate", "order", "--at-once")["finished"]
    assert old not in published(shop).values()


def test_the_list_says_since_when(shop: Deployed) -> None:
    shop.done("keys", "create")
    shop.done("keys", "rotate", "stock")
    listed = {one["user"]: one for one in shop.done("keys", "list")}
    assert [*listed] == [*USERS]
    assert listed["stock"]["key"] == published(shop)["NKEY_STOCK"]
    assert listed["stock"]["retiring"] == published(shop)["NEXT_NKEY_STOCK"]
    assert listed["order"]["retiring"] is None
    assert listed["gateway"]["account"] == "GATEWAY"
    assert all(one["since"].endswith("Z") for one in listed.values())
    header, *lines = shop.said("keys", "list").splitlines()
    assert header.split() == ["user", "account", "since", "key"]
    assert [line.split()[0] for line in lines] == [*USERS]
    assert [line for line in lines if line.endswith("being rotated")] == [lines[2]]


def test_before_there_are_keys_the_list_says_so(shop: Deployed) -> None:
    assert {one["key"] for one in shop.done("keys", "list")} == {None}
    assert not shop.folder.exists()
