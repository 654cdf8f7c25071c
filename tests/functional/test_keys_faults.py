"""What `protonats keys` says when something is wrong, and that nothing has changed then."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from protoc_gen_nats import writing
from tests.functional.deployed import Deployed


@pytest.fixture(params=["nkeys", "jwt"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Deployed:
    """A project in each mode, with keys."""
    shop = Deployed(tmp_path, login=request.param)
    shop.done("keys", "create")
    return shop


def contents(shop: Deployed) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("rotate", "ordre"),
            "there is no user 'ordre': did you mean 'order'?",
        ),
        (
            ("rotate", "--finish", "order"),
            "the key of order is not being rotated: begin with `protonats keys rotate order`",
        ),
    ],
)
def test_a_rotation_of_the_wrong_one(shop: Deployed, arguments: tuple[str, ...], text: str) -> None:
    before = contents(shop)
    assert shop.refused("keys", *arguments) == text
    assert contents(shop) == before


def test_a_second_rotation_waits_for_the_end_of_the_first(shop: Deployed) -> None:
    shop.done("keys", "rotate", "order")
    before = contents(shop)
    assert shop.refused("keys", "rotate", "stock", "order") == (
        "the key of order is being rotated already: when its services log in with the new one, end"
        " that with `protonats keys rotate --finish order`"
    )
    assert contents(shop) == before


def test_an_environment_that_is_none(shop: Deployed) -> None:
    assert shop.refused("keys", "list", environment="prodution") == (
        "protonats.yaml has no environment 'prodution': did you mean 'production'?"
    )


def test_a_project_without_a_deployment(shop: Deployed) -> None:
    shop.write("protonats.yaml", "version: 1\ndocuments: []\n")
    assert shop.refused("keys", "list") == "protonats.yaml has no `deployment`: write one"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("rotate",), "name users, or all of them with --all"),
        (("rotate", "order", "--all"), "name users, or all of them with --all"),
        (("rotate", "order", "--finish", "--at-once"), "--finish and --at-once do not go together"),
        (
            ("rotate", "order", "--restart"),
            "--restart is for --to aws: restart yourself what runs elsewhere",
        ),
    ],
)
def test_wrong_use(shop: Deployed, arguments: tuple[str, ...], text: str) -> None:
    result = shop.asked("keys", *arguments)
    assert result.exit_code == 2
    assert f"Error: {text}\n" in result.stderr


def test_a_damaged_state_is_named(shop: Deployed) -> None:
    for content in ("{", "[]", '{"nkey_since": 3}'):
        shop.spoil("users/order/state.json", content)
        assert shop.refused("keys", "list") == (
            "DIR/users/order/state.json: damaged: restore it from a backup, or remove it"
        )


def test_a_disk_that_cannot_be_written_to(shop: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: Any) -> tuple[int, str]:
        if shop.folder in (options["dir"], *Path(options["dir"]).parents):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(options["dir"]))
        return tempfile.mkstemp(**options)

    before = contents(shop)
    monkeypatch.setattr(writing, "tempfile", SimpleNamespace(mkstemp=refuse))
    assert shop.refused("keys", "rotate", "order") == "DIR/users/order: Read-only file system"
    assert contents(shop) == before


def test_a_folder_that_is_a_file(shop: Deployed) -> None:
    shop.write("file", "")
    path = shop.root / "file"
    result = shop.asked("keys", "create", "--to", str(path / "keys"))
    assert (result.exit_code, result.stderr) == (1, f"error: {path}: File exists\n")


def test_an_account_at_aws_that_cannot_be_reached(
    shop: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert shop.refused("keys", "list", "--to", "aws") == (
        'AWS cannot be asked: Could not connect to the endpoint URL: "http://127.0.0.1:9/"'
    )


def test_a_user_without_a_key(tmp_path: Path) -> None:
    shop = Deployed(tmp_path)
    assert shop.refused("keys", "rotate", "order") == (
        "order has no key yet: make it with `protonats keys create`"
    )


def test_a_damaged_seed_is_named_and_not_shown(tmp_path: Path) -> None:
    shop = Deployed(tmp_path)
    shop.done("keys", "create")
    seed = shop.secret("users/order/nkey.seed")
    shop.spoil("users/order/nkey.seed", seed[:-1] + "?")
    for command in (("list",), ("rotate", "order"), ("create",)):
        assert shop.refused("keys", *command) == (
            "DIR/users/order: no nkey seed: restore it from a backup, or remove it and make a new"
            " one"
        )


def test_a_file_of_the_servers_that_was_lost_is_written_again(tmp_path: Path) -> None:
    shop = Deployed(tmp_path)
    shop.done("keys", "create")
    before = shop.secret("keys.conf")
    (shop.folder / "keys.conf").unlink()
    # They may not know the next key, so nobody gets it.
    assert shop.refused("keys", "rotate", "order") == (
        "the next key of order is not in keys.conf: put it there with `protonats keys create`, and"
        " have the servers read it"
    )
    shop.done("keys", "create")
    assert shop.secret("keys.conf") == before
    shop.done("keys", "rotate", "order")


def test_damaged_credentials_are_named(tmp_path: Path) -> None:
    shop = Deployed(tmp_path, login="jwt")
    shop.done("keys", "create")
    for content in (
        "nothing",
        "-----BEGIN NATS USER JWT-----\na.b",
        "-----BEGIN NATS USER JWT-----",
    ):
        shop.spoil("users/order/user.creds", content)
        assert shop.refused("keys", "list") == (
            "DIR/users/order: its .creds is damaged: restore it from a backup, or remove it"
        )


def test_an_operator_that_was_lost_is_not_made_anew(tmp_path: Path) -> None:
    shop = Deployed(tmp_path, login="jwt")
    assert shop.refused("keys", "rotate", "order") == (
        "not everything is there yet: call `protonats keys create`"
    )
    shop.done("keys", "create")
    (shop.folder / "operator-keys" / "state.json").unlink()
    assert shop.refused("keys", "create") == (
        "DIR/operator-keys: operator.conf is there, and what signed it is not: restore it from a"
        " backup, or remove operator.conf and all users to begin anew"
    )
