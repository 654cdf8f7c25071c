"""Every user tries every subject of the platform: exactly what follows from the schemas passes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.platform.nats.installation import GENERATED, Installation, accounts, changed
from tests.platform.nats.matrix import Matrix, measure
from tests.platform.nats.table import Table


@pytest.fixture(scope="module")
def table() -> Table:
    return Table()


@pytest.fixture(scope="module")
def measured(server: Installation, table: Table) -> Matrix:
    """What the server said to each user and subject."""
    return measure(server, table)


def test_the_users_are_those_of_the_schemas(table: Table) -> None:
    named = [user["name"] for account in accounts() for user in account["users"]]
    assert sorted(named) == sorted(table.users)
    assert len(table.services) == 22


def test_nothing_is_assumed(measured: Matrix, table: Table) -> None:
    assert len(measured.verdicts) == len(table.users) * len(table.allowed)
    assert len(table.allowed) > 2000


def test_exactly_what_follows_from_the_schemas_passes(
    measured: Matrix, record_property: Callable[[str, object], None]
) -> None:
    record_property("told", f"permissions: {measured.total()}")
    assert not measured.wrongly_refused, "\n".join(map(str, measured.wrongly_refused[:40]))
    assert not measured.wrongly_allowed, "\n".join(map(str, measured.wrongly_allowed[:40]))


def test_each_user_may_do_something_and_not_all(measured: Matrix, table: Table) -> None:
    for user in table.users:
        passed = sum(ok for (who, _), ok in measured.verdicts.items() if who == user)
        assert 0 < passed < len(table.allowed) / 5, user


def test_both_keys_of_a_user_may_do_the_same(table: Table) -> None:
    """Only the first is tried above; the other is for when it changes."""
    for environment in ("dev", "staging", "production"):
        text = (GENERATED / environment / "nats" / "accounts.conf").read_text()
        found = re.findall(r"\{nkey: \$(NEXT_)?NKEY_(\w+), permissions: \$MAY_(\w+)\}", text)
        assert text.count("nkey:") == len(found)
        named = sorted((is_next, user.upper()) for user in table.users for is_next in ("", "NEXT_"))
        assert sorted((is_next, user) for is_next, user, _ in found) == sorted(named)
        assert all(user == permissions for _, user, permissions in found)


QUEST = "MAY_QUEST {\n  publish {\n    allow: [\n"
HEARS = '      "$SRV.INFO.quest"\n'
PAYS = '      "svc.payment.v1.process"\n'
STORES = '      "$JS.API.STREAM.INFO.KV_quests"\n'


@pytest.mark.parametrize(
    ("old", "new", "allowed", "refused"),
    [
        (QUEST, QUEST + PAYS, [("publish", "svc.payment.v1.process")], []),
        (QUEST + STORES, QUEST, [], [("publish", "$JS.API.STREAM.INFO.KV_quests")]),
        (
            HEARS,
            HEARS + '      "evt.payment.>"\n',
            [("subscribe", "evt.payment.completed.v1.key")],
            [],
        ),
        (HEARS, "", [], [("subscribe", "$SRV.INFO.quest")]),
    ],
    ids=["publishes more", "publishes less", "hears more", "hears less"],
)
def test_a_permission_too_many_or_too_few_is_found(
    old: str,
    new: str,
    allowed: list[tuple[str, str]],
    refused: list[tuple[str, str]],
    table: Table,
    tmp_path: Path,
) -> None:
    installation = Installation(tmp_path).standing_alone()
    path = tmp_path / "accounts.conf"
    path.write_text(changed(path.read_text(), {old: new}))
    with installation:
        twin = measure(installation, table, "quest")
    assert set(allowed) <= {(probe.verb, probe.subject) for _, probe in twin.wrongly_allowed}
    assert [(probe.verb, probe.subject) for _, probe in twin.wrongly_refused] == refused
    assert bool(twin.wrongly_allowed) == bool(allowed)
