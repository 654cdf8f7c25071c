"""JWT mode: the same rights as with nkeys, tokens that nobody else can make, and revocation."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from protoc_gen_nats.access import User
from protoc_gen_nats.keys.claims import user_claims
from protoc_gen_nats.keys.folder import FolderStore
from protoc_gen_nats.keys.places import OPERATOR_STATE
from protoc_gen_nats.keys.seeds import USER, new_seed, public_key
from protoc_gen_nats.keys.tokens import credentials, issue, read_token
from protoc_gen_nats.permissions import Permissions
from tests.platform.nats.installation import Installation, accounts, until
from tests.platform.nats.raw import Raw, can_log_in

USERS = ("quest", "state_manager", "operator", "deployer", "gateway", "monitor", "system")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Installation]]:
    """One server of each mode."""
    with ExitStack() as stack:
        yield {
            login: stack.enter_context(
                Installation(tmp_path_factory.mktemp(login), login=login).standing_alone()
            )
            for login in ("nkeys", "jwt")
        }


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A server whose keys may be changed."""
    folder = tmp_path_factory.mktemp("jwt")
    with Installation(folder, login="jwt").standing_alone() as installation:
        yield installation


def subjects() -> tuple[list[str], list[tuple[str, str]]]:
    """What somebody may publish to, and what somebody may subscribe to, with the queue groups."""
    users = [user for account in accounts() for user in account["users"]]
    heard = {subject for user in users for subject in user["subscribe"]} | {">", "svc.>"}
    said = {subject for user in users for subject in user["publish"]} | {"stray", "$JS.API.STRAY"}
    pairs = [tuple(f"{subject} ".split(" ")[:2]) for subject in sorted(heard)]
    return sorted(map(_literal, said)), [(subject, queue) for subject, queue in pairs]


def _literal(subject: str) -> str:
    return subject.replace("*", "any").replace(">", "any")


@pytest.mark.parametrize("user", USERS)
def test_users_may_do_the_same_in_both_modes(both: Mapping[str, Installation], user: str) -> None:
    said, heard = subjects()
    verdicts = []
    for installation in both.values():
        with Raw(installation, user) as connection:
            verdicts.append((connection.publishes(said), connection.subscribes(heard)))
    assert verdicts[0] == verdicts[1]
    # Neither of them is the answer to everything.
    for verdict in verdicts[0]:
        assert set(verdict.values()) == {True, False}


def test_accounts_have_the_same_limits_in_both_modes(both: Mapping[str, Installation]) -> None:
    limits = []
    for installation in both.values():
        with Raw(installation, "deployer") as deployer:
            deployer.subscribe("_INBOX.deployer.a")
            told = deployer.request("$JS.API.INFO", b"", inbox="_INBOX.deployer.a")
            limits.append(told["limits"])
    assert limits[0] == limits[1]
    assert limits[0]["max_streams"] > 0


def test_accounts_reach_the_same_of_each_other(both: Mapping[str, Installation]) -> None:
    for installation in both.values():
        with (
            Raw(installation, "quest") as quest,
            Raw(installation, "gateway") as gateway,
            Raw(installation, "monitor") as monitor,
        ):
            quest.subscribe("svc.quest.v1.generate_quest q.quest")
            quest.subscribe("$SRV.PING")
            for caller, user, subject in (
                (gateway, "gateway", "svc.quest.v1.generate_quest"),
                (monitor, "monitor", "$SRV.PING"),
            ):
                inbox = f"_INBOX.{user}.a"
                caller.subscribe(inbox)
                assert not caller.publish(subject, b"?", reply=inbox)
                _, reply, body = quest.next_message()
                assert body.endswith(b"?")
                assert not quest.publish(reply, b"!")
                assert caller.next_message() == (inbox, "", b"!")


def test_what_has_not_changed_is_not_signed_anew(installation: Installation) -> None:
    before = (installation.keys / "operator.conf").read_bytes()
    assert installation.login.create() == []
    assert (installation.keys / "operator.conf").read_bytes() == before


def test_the_file_of_the_servers_has_no_seed(installation: Installation) -> None:
    text = (installation.keys / "operator.conf").read_text()
    state = json.loads((installation.keys / "operator-keys" / "state.json").read_text())
    seeds = [value for value in state.values() if value.startswith("S")]
    assert len(seeds) == 2 + len(accounts()) + len(installation.seeds)
    assert not [seed for seed in seeds if seed in text]


def _sign(installation: Installation, by: str, claims: Mapping[str, Any]) -> None:
    """Gives quest a token that is signed by somebody."""
    seed = new_seed(USER)
    signer = FolderStore(installation.keys).read(OPERATOR_STATE)[by]
    subject = public_key(seed, "quest")
    installation.tokens["quest"] = issue(
        signer, subject=subject, name="quest", moment=1, claims=claims
    )
    installation.seeds["quest"] = seed.encode()


@pytest.mark.parametrize(
    ("by", "more", "works"),
    [
        ("user.quest", {}, True),
        # The account's own key signs no users, which could then do anything.
        ("account.SERVICES", {}, False),
        # What a user may do is bound to the key that signs it, and is not in its token.
        ("user.quest", {"pub": {"allow": [">"]}, "subs": -1}, False),
        # The key of another user, in another account.
        ("user.gateway", {}, False),
        ("operator", {}, False),
    ],
)
def test_who_may_sign_a_user(
    installation: Installation, by: str, more: dict[str, Any], works: bool
) -> None:
    account = read_token(installation.tokens["quest"])["nats"]["issuer_account"]
    _sign(installation, by, {**user_claims(account), **more})
    if works:
        Raw(installation, "quest").close()
    else:
        with pytest.raises(OSError, match=r"Authorization Violation|closed the connection"):
            Raw(installation, "quest")
        assert "authentication error" in installation.nodes[0].log.read_text()


def test_permissions_change_with_the_account_and_users_keep_their_tokens(
    installation: Installation,
) -> None:
    def other(user: User) -> User:
        if user.name != "quest":
            return user
        publish = (*user.permissions.publish, "stray")
        return replace(user, permissions=Permissions.of(publish, user.permissions.subscribe))

    with Raw(installation, "quest") as quest:
        assert quest.publishes(["stray"]) == {"stray": False}
    login: Any = installation.login
    login._accounts = [
        replace(account, users=tuple(map(other, account.users))) for account in login._accounts
    ]
    tokens = dict(installation.tokens)
    assert login.create() == []
    installation.take_keys()
    assert installation.tokens == tokens
    installation.nodes[0].reload()
    with Raw(installation, "quest") as quest:
        assert quest.publishes(["stray"]) == {"stray": True}


def test_a_rotation_ends_with_the_old_key_refused(installation: Installation) -> None:
    before = installation.seeds["quest"], installation.tokens["quest"]
    with Raw(installation, "quest") as old, Raw(installation, "router") as other:
        _renew(installation, installation.login.rotate)
        assert installation.tokens["quest"] != before[1]
        # Both are good, also for new connections.
        with Raw(installation, "quest") as new:
            assert can_log_in(installation, "quest", *before)
            _renew(installation, installation.login.finish)
            until(lambda: _ended(old.settled), "the old connection has ended")
            assert new.settled() == other.settled() == []
    assert not can_log_in(installation, "quest", *before)
    # A revocation stays, whatever comes after it.
    _renew(installation, installation.login.rotate)
    _renew(installation, installation.login.finish)
    Raw(installation, "quest").close()
    assert not can_log_in(installation, "quest", *before)


def _renew(installation: Installation, action: Callable[[list[str]], None]) -> None:
    action(["quest"])
    installation.take_keys()
    installation.nodes[0].reload()


def _ended(settled: Callable[[], list[str]]) -> bool:
    try:
        return bool(settled())
    except OSError:
        return True


def test_a_credentials_file_is_read_by_nats_py(installation: Installation) -> None:
    content = credentials(installation.tokens["quest"], installation.seeds["quest"].decode())
    assert (installation.keys / "users" / "quest" / "user.creds").read_text() == content
    assert os.stat(installation.keys / "users" / "quest" / "user.creds").st_mode & 0o777 == 0o600
