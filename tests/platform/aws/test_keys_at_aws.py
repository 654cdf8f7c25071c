"""`protonats keys --to aws`: secrets of users, the file of the servers, and the services."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nkeys
import pytest

from protoc_gen_nats.keys.tokens import seed_of
from tests.platform.aws.account import BUCKET, CLUSTER, SERVICES, USERS, Account


def public(seed: str) -> str:
    return bytes(nkeys.from_seed(bytearray(seed.encode())).public_key).decode()


def settled(account: Account, user: str) -> None:
    """Makes the next key of a user old enough for all servers to know it."""
    long_ago = datetime.now(UTC) - timedelta(minutes=6)
    value = account.secret(user) | {"next_nkey_since": f"{long_ago:%Y-%m-%dT%H:%M:%SZ}"}
    account.secrets.put_secret_value(
        SecretId=f"{CLUSTER}/nats/{user}", SecretString=json.dumps(value)
    )


def test_each_user_gets_a_seed_and_the_servers_its_public_key(account: Account) -> None:
    assert account.done("keys", "create") == {"created": [*USERS], "users": len(USERS)}
    published = account.file("keys.conf")
    for user in USERS:
        secret = account.secret(user)
        assert f"\nNKEY_{user.upper()}: {public(secret['nkey_seed'])}\n" in published
        assert f"\nNEXT_NKEY_{user.upper()}: {public(secret['next_nkey_seed'])}\n" in published
        assert secret["nkey_seed"] not in published
    before = {user: account.secret(user) for user in USERS}
    assert account.done("keys", "create")["created"] == []
    assert before == {user: account.secret(user) for user in USERS}


def test_what_a_secret_has_beside_the_key_stays(account: Account) -> None:
    account.secrets.put_secret_value(
        SecretId=f"{CLUSTER}/nats/order", SecretString='{"note": "of ours"}'
    )
    account.done("keys", "create")
    account.done("certs", "create", "--ca", f"acm-pca:{account.authority}")
    assert account.secret("order").keys() >= {"note", "nkey_seed", "ca", "certificate"}


def test_a_rotation_moves_the_services_one_after_another(account: Account) -> None:
    account.done("keys", "create")
    old, next_seed = (account.secret("order")[one] for one in ("nkey_seed", "next_nkey_seed"))
    settled(account, "order")
    started = account.started()
    done = account.done("keys", "rotate", "order", "--restart")
    # The others started before they had any keys.
    restarted = [user for user in USERS if user in SERVICES]
    assert done == {"users": ["order"], "finished": False, "restarted": restarted}
    assert account.started()["order"] > started["order"]
    assert account.secret("order")["nkey_seed"] == next_seed
    assert f"NEXT_NKEY_ORDER: {public(old)}\n" in account.file("keys.conf")
    assert account.done("keys", "rotate", "order", "--finish")["finished"]
    published = account.file("keys.conf")
    assert public(old) not in published
    assert f"\nNKEY_ORDER: {public(next_seed)}\n" in published


def test_a_rotation_does_not_end_while_tasks_have_the_old_key(account: Account) -> None:
    account.done("keys", "create")
    settled(account, "order")
    account.done("keys", "rotate", "order")
    assert account.refused("keys", "rotate", "order", "--finish") == (
        "order: still with the old key: restart them with `protonats keys rotate --restart`, or"
        " end it after the next deployment"
    )


def test_a_key_that_servers_may_not_know_yet_is_not_used(account: Account) -> None:
    account.done("keys", "create")
    text = account.refused("keys", "rotate", "order")
    assert text.startswith(
        "the next key of order is too new for all servers to know it: wait until"
    )
    assert account.secret("order").keys().isdisjoint({"retiring_nkey"})


def test_a_secret_that_is_not_there_is_named(account: Account) -> None:
    account.secrets.delete_secret(SecretId=f"{CLUSTER}/nats/stock", ForceDeleteWithoutRecovery=True)
    assert account.refused("keys", "create") == (
        "there is no secret shop-production/nats/stock: create it with Terraform first"
    )


def test_a_damaged_secret_is_named_and_not_shown(account: Account) -> None:
    account.secrets.put_secret_value(SecretId=f"{CLUSTER}/nats/order", SecretString="SUAHIDDEN")
    assert account.refused("keys", "create") == (
        "secret shop-production/nats/order: no JSON object: restore an older version of the secret"
    )


def test_a_bucket_that_is_not_there_is_named(account: Account) -> None:
    result = account.asked("keys", "create", "--bucket", "shop-production-nats-9999")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: AWS refuses PutObject: NoSuchBucket: ")


def test_keys_need_a_bucket(account: Account) -> None:
    result = account.asked("keys", "create")
    assert result.exit_code == 2
    assert (
        "keys at AWS need the bucket that the servers read: name it with --bucket, or in"
        " NATS_BUCKET"
    ) in result.stderr
    assert account.asked("keys", "create", NATS_BUCKET=BUCKET).exit_code == 0


def test_listing_shows_public_keys_alone(account: Account) -> None:
    account.done("keys", "create")
    listed = account.asked("keys", "list")
    assert public(account.secret("order")["nkey_seed"]) in listed.stdout
    assert not [user for user in USERS if account.secret(user)["nkey_seed"] in listed.output]


def test_without_boto3_it_says_what_to_install(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert account.refused("keys", "create") == (
        "keys and certificates at AWS need boto3: pip install 'protonats[codegen,aws]'"
    )


def test_jwt_mode_keeps_what_signs_in_a_secret_of_its_own(aws: None, tmp_path: Path) -> None:
    account = Account(tmp_path, login="jwt")
    assert account.refused("keys", "create") == (
        "there is no secret shop-production/nats/operator-keys: create it with Terraform first"
    )
    account.secrets.create_secret(Name=f"{CLUSTER}/nats/operator-keys")
    assert account.done("keys", "create")["created"] == [*USERS]
    published = account.file("operator.conf")
    assert "resolver: MEMORY\n" in published
    for user in USERS:
        assert seed_of(account.secret(user)["creds"]) not in published
    started = account.started()
    account.done("keys", "rotate", "--all", "--restart")
    assert all(moment > started[name] for name, moment in account.started().items())
    assert account.done("keys", "rotate", "--all", "--finish")["users"] == [*USERS]
    assert account.done("keys", "rotate", "--all", "--finish")["users"] == []
    assert len(SERVICES) == len(started)
