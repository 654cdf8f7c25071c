"""`protonats keys` with JWTs: an operator, its accounts, and users with `.creds` files."""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

import nkeys
import pytest

from tests.functional.deployed import USERS, Deployed


@pytest.fixture
def shop(tmp_path: Path) -> Deployed:
    return Deployed(tmp_path, login="jwt")


def claims(token: str) -> dict[str, Any]:
    """What a token says, if its signature is that of who issued it."""
    head, body, signature = token.split(".")
    value: dict[str, Any] = json.loads(decoded(body))
    assert json.loads(decoded(head)) == {"typ": "JWT", "alg": "ed25519-nkey"}
    verify(value["iss"], f"{head}.{body}".encode(), decoded(signature))
    return value


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(issuer: str, content: bytes, signature: bytes) -> None:
    import nacl.signing

    raw = base64.b32decode(issuer)
    nacl.signing.VerifyKey(raw[1:33]).verify(content, signature)


def operator_conf(shop: Deployed) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The operator, and the accounts by name."""
    text = shop.secret("operator.conf")
    operator = re.search(r"^operator: (\S+)$", text, re.MULTILINE)
    assert operator
    tokens = re.findall(r"^  (A\w+): (\S+)$", text, re.MULTILINE)
    accounts = {claims(token)["name"]: claims(token) for _, token in tokens}
    assert [key for key, _ in tokens] == [one["sub"] for one in accounts.values()]
    return claims(operator[1]), accounts


def credentials(shop: Deployed, user: str) -> tuple[dict[str, Any], str]:
    """The token of a user, and the seed beside it."""
    lines = shop.secret(f"users/{user}/user.creds").splitlines()
    return claims(lines[1]), lines[lines.index("-----BEGIN USER NKEY SEED-----") + 1]


def test_the_operator_signs_accounts_which_sign_users(shop: Deployed) -> None:
    assert shop.done("keys", "create") == {"created": [*USERS], "users": len(USERS)}
    operator, accounts = operator_conf(shop)
    assert operator["iss"] == operator["sub"]
    assert operator["nats"]["strict_signing_key_usage"] is True
    assert operator["nats"]["system_account"] == accounts["SYS"]["sub"]
    assert [*accounts] == ["SERVICES", "GATEWAY", "MONITORING", "SYS"]
    for account in accounts.values():
        assert [account["iss"]] == operator["nats"]["signing_keys"]
    signers = {
        scope["role"]: (name, scope)
        for name, account in accounts.items()
        for scope in account["nats"]["signing_keys"]
    }
    for user in USERS:
        token, seed = credentials(shop, user)
        name, scope = signers[user]
        assert token["iss"] == scope["key"]
        assert token["nats"]["issuer_account"] == accounts[name]["sub"]
        # What it may do is bound to the key that signed it.
        assert token["nats"].keys() == {"type", "version", "issuer_account"}
        public = nkeys.from_seed(bytearray(seed.encode())).public_key
        assert token["sub"] == bytes(public).decode()


def test_an_import_has_leave_of_the_other_account(shop: Deployed) -> None:
    shop.done("keys", "create")
    _, accounts = operator_conf(shop)
    exports = accounts["SERVICES"]["nats"]["exports"]
    assert all(one["token_req"] for one in exports)
    for one in accounts["GATEWAY"]["nats"]["imports"]:
        leave = claims(one["token"])
        assert leave["iss"] == one["account"] == accounts["SERVICES"]["sub"]
        assert leave["sub"] == accounts["GATEWAY"]["sub"]
        assert leave["nats"]["subject"] == one["subject"]
        assert one["subject"] in [export["subject"] for export in exports]


def test_a_rotation_revokes_the_old_key(shop: Deployed) -> None:
    shop.done("keys", "create")
    old, _ = credentials(shop, "order")
    shop.done("keys", "rotate", "order")
    new, _ = credentials(shop, "order")
    assert (new["sub"] != old["sub"], new["iss"]) == (True, old["iss"])
    _, accounts = operator_conf(shop)
    assert "revocations" not in accounts["SERVICES"]["nats"]
    shop.done("keys", "rotate", "order", "--finish")
    _, accounts = operator_conf(shop)
    assert [*accounts["SERVICES"]["nats"]["revocations"]] == [old["sub"]]
    assert accounts["SERVICES"]["nats"]["revocations"][old["sub"]] >= old["iat"]
    assert [one["retiring"] for one in shop.done("keys", "list")] == [None] * len(USERS)


def test_what_has_not_changed_is_not_signed_anew(shop: Deployed) -> None:
    shop.done("keys", "create")
    before = shop.secret("operator.conf")
    shop.done("keys", "create")
    assert shop.secret("operator.conf") == before
    shop.done("keys", "rotate", "order", "--at-once")
    changed = {*before.splitlines()} ^ {*shop.secret("operator.conf").splitlines()}
    _, accounts = operator_conf(shop)
    assert {line.split(":")[0].strip() for line in changed} == {accounts["SERVICES"]["sub"]}


def test_permissions_follow_the_schema_and_users_keep_their_credentials(shop: Deployed) -> None:
    shop.done("keys", "create")
    before = shop.secret("users/order/user.creds")
    shop.replace("proto/shop/order/v1/order.proto", "evt.order.placed.v1", "evt.order.taken.v1")
    assert shop.done("keys", "create")["created"] == []
    _, accounts = operator_conf(shop)
    (scope,) = (
        one for one in accounts["SERVICES"]["nats"]["signing_keys"] if one["role"] == "order"
    )
    allowed = scope["template"]["pub"]["allow"]
    assert [one for one in allowed if one.startswith("evt.order.")] == ["evt.order.taken.v1.*"]
    assert shop.secret("users/order/user.creds") == before


def test_nobody_else_can_read_them_and_none_is_printed(shop: Deployed) -> None:
    before = os.umask(0)
    try:
        said = [shop.said("keys", "create"), shop.said("keys", "rotate", "--all")]
    finally:
        os.umask(before)
    assert shop.modes() == {(True, 0o700), (False, 0o600)}
    state = json.loads(shop.secret("operator-keys/state.json"))
    seeds = [credentials(shop, user)[1] for user in USERS]
    seeds += [one for one in state.values() if re.fullmatch(r"S[OA]\w{56}", one)]
    assert len(seeds) == 2 * len(USERS) + 2 + 4
    text = "".join(said) + shop.said("keys", "list") + shop.secret("operator.conf")
    assert not [seed for seed in seeds if seed in text]
