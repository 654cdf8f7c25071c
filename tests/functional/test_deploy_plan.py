"""`protonats deploy plan`: what a deployment would change."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from tests.projects import ROOT, TestProject

CASE = ROOT / "tests/golden/cases/deployment"
ORDER = "proto/shop/order/v1/order.proto"
STOCK = "proto/shop/stock/v1/stock.proto"
MANIFEST = "protonats.yaml"


class Shop(TestProject):
    """A project of three services and two environments, in a git repository."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str) -> None:
        """Runs git."""
        identity = ("-c", "user.name=a", "-c", "user.email=a@shop.example")
        subprocess.run(["git", *identity, *arguments], cwd=self.root, check=True)

    def commit(self) -> None:
        """Commits everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "so it is")

    def asked(self, *arguments: str) -> Result:
        """Runs `protonats deploy plan`."""
        command = ["deploy", "plan", "--project", str(self.root), *arguments]
        return CliRunner().invoke(main, command)

    def plan(self, *arguments: str) -> str:
        """What it prints."""
        result = self.asked(*arguments)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        assert all(line == line.rstrip() for line in result.stdout.splitlines())
        return result.stdout

    def changes(self, *arguments: str) -> dict[tuple[str, str | None, str], Any]:
        """What it says as JSON, by section, environment and name."""
        found = json.loads(self.plan("--json", *arguments))["changes"]
        return {(one["section"], one["environment"], one["name"]): one for one in found}


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all of these tests begin with."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shutil.copytree(CASE / "proto", shop.root / "proto")
    shutil.copy(CASE / MANIFEST, shop.root)
    shop.generate()
    shop.git("init", "--quiet")
    shop.commit()
    return shop.root


@pytest.fixture
def shop(committed: Path, tmp_path: Path) -> Shop:
    shutil.copytree(committed, tmp_path / "shop")
    return Shop(tmp_path / "shop")


def test_what_is_committed_changes_nothing(shop: Shop) -> None:
    assert shop.plan() == "A deployment would change nothing against HEAD.\n"
    assert shop.plan("--exit-code") != ""
    assert shop.changes() == {}


def test_it_needs_no_generation(shop: Shop) -> None:
    """What is compared is what the schemas and the manifest say now, not what lies on disk."""
    shop.replace(MANIFEST, "max_age: 7d", "max_age: 1d")
    before = shop.files()

    text = shop.plan()

    assert shop.files() == before
    assert (
        "Streams, consumers and buckets\n"
        "  ~ stream ORDERS\n"
        "      ~ max_age  7d → 1d\n"
        "      ! what is stored beyond max_age 1d is deleted or refused\n"
    ) in text
    # The image of the tools holds the manifest, that of the exporter what is planned.
    assert [line for line in text.splitlines() if line.startswith("  ~ ")] == [
        "  ~ exporter",
        "  ~ tools",
        "  ~ stream ORDERS",
    ]
    assert "3 changes against HEAD, of which 1 loses something.\n" in text
    assert shop.asked("--exit-code").exit_code == 1


def test_grants_and_revocations_are_told_by_user_and_subject(shop: Shop) -> None:
    shop.replace(ORDER, "StockService.Reserve", "StockService.Count")
    shop.replace(ORDER, "rpc Watch(", "rpc Follow(")

    changes = shop.changes()
    text = shop.plan()

    order = changes["permissions", None, "order"]
    details = {(one["what"], one["before"], one["after"]) for one in order["details"]}
    assert ("publish", "svc.shop.stock.v1.reserve", None) in details
    assert ("publish", None, "svc.shop.stock.v1.count") in details
    assert order["action"] == "change"
    assert "\n  ~ order\n" in text
    assert "      - publish    svc.shop.stock.v1.reserve\n" in text
    assert "      + publish    svc.shop.stock.v1.count\n" in text


def test_a_service_that_goes_is_marked(shop: Shop) -> None:
    (shop.root / STOCK).unlink()
    shop.replace(ORDER, '{calls: "shop.stock.v1.StockService.Reserve"}', "{}")
    shop.replace("proto/shop/order/v2/order.proto", '{calls: "shop.stock.v1.StockService"}', "{}")
    shop.replace(MANIFEST, "    stock: {cpu: 512, memory: 1 GiB, queue_per_task: 50}\n", "")

    changes = shop.changes()

    gone = {
        ("permissions", None, "stock"): "it cannot log in any more",
        ("streams", None, "bucket stock"): "it stays on the servers, with what is stored, until"
        " somebody deletes it",
        ("streams", None, "consumer ORDERS/stock_orders"): "it stays on the servers, with what is"
        " stored, until somebody deletes it",
        ("tasks", "dev", "stock"): "its tasks are stopped",
        ("tasks", "production", "stock"): "its tasks are stopped",
    }
    for key, loss in gone.items():
        assert (changes[key]["action"], changes[key]["losses"]) == ("remove", [loss]), key
    assert changes["images", None, "stock"]["action"] == "remove"


@pytest.mark.parametrize(
    ("old", "new", "loss"),
    [
        ("subjects: [evt.order.>]", "subjects: [evt.order.placed.>]", "evt.order.> is not stored"),
        ("subjects: [evt.order.>]", "subjects: [evt.>]", ""),
        ("max_age: 30d", "max_age: 60d", ""),
        ("max_age: 30d", "max_age: 1h", "what is stored beyond max_age 1h is deleted or refused"),
        ("max_age: 7d", "max_age: 7d\n    retention: interest", "cannot change retention"),
        ("max_age: 7d", "max_age: 7d\n    max_message: 1 KiB", "beyond max_message 1 KiB is del"),
    ],
)
def test_what_loses_messages_says_so(shop: Shop, old: str, new: str, loss: str) -> None:
    shop.replace(MANIFEST, old, new)

    (found,) = (one for key, one in shop.changes().items() if key[0] == "streams")

    assert loss in " ".join(found["losses"])
    assert bool(loss) == bool(found["losses"])


def test_tasks_are_compared_setting_by_setting(shop: Shop) -> None:
    shop.replace(MANIFEST, "CURRENCY: EUR", "CURRENCY: USD, SHOP: one")
    shop.replace(MANIFEST, "{min_tasks: 1, max_tasks: 2}", "{cpu: 1024, memory: 2 GiB}")

    changes = shop.changes()
    production = shop.changes("--environment", "production")

    order = {one["what"]: one for one in changes["tasks", "production", "order"]["details"]}
    assert order["order.environment.CURRENCY"]["before"] == "EUR"
    assert order["order.environment.CURRENCY"]["after"] == "USD"
    assert order["order.environment.SHOP"] == {
        "what": "order.environment.SHOP",
        "before": None,
        "after": "one",
    }
    dev = {one["what"]: one["after"] for one in changes["tasks", "dev", "order_v2"]["details"]}
    assert dev["cpu"] == "1024"
    assert {environment for section, environment, _ in production if section == "tasks"} == {
        "production"
    }


def test_images_are_told_by_the_files_that_go_into_them(shop: Shop) -> None:
    shop.write("services/stock/service.py", "# Another one.\n")

    images = {key[2]: one for key, one in shop.changes().items() if key[0] == "images"}

    assert images.keys() == {"stock"}
    assert images["stock"]["details"] == [
        {
            "what": "file",
            "before": "services/stock/service.py",
            "after": "services/stock/service.py",
        }
    ]
    assert "      ~ file  services/stock/service.py\n" in shop.plan()


def test_alerts_are_compared_rule_by_rule(shop: Shop) -> None:
    shop.replace(MANIFEST, "consumer_lag: 500", "consumer_lag: 600")

    alerts = [one for key, one in shop.changes().items() if key[:2] == ("alerts", "production")]

    assert alerts
    assert all("600" in detail["after"] for one in alerts for detail in one["details"])


def test_another_folder_can_be_compared_with(shop: Shop, tmp_path: Path) -> None:
    shutil.copytree(shop.root, tmp_path / "other")
    shop.replace(MANIFEST, "max_age: 30d", "max_age: 31d")

    assert "      ~ max_age  30d → 31d\n" in shop.plan("--against", str(tmp_path / "other"))


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("--against", "nothing"), 1, "error: nothing is no folder, no file and no git ref: name"),
        (("--against", "."), 1, "error: . has no generated/deploy: compare with what was gener"),
        (("--environment", "producton"), 2, "there is no environment 'producton': did you mean"),
    ],
)
def test_what_cannot_be_compared_is_an_error(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, error: str
) -> None:
    monkeypatch.chdir(shop.root / "proto")

    result = shop.asked(*arguments)

    assert result.exit_code == code
    assert error in result.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("path", "content", "text"),
    [
        (
            "nats/accounts.json",
            "{",
            "no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1):"
            " generate it again",
        ),
        ("dev/prometheus/alerts.yaml", "{}", "no file of rules: 'groups': generate it again"),
    ],
)
def test_a_broken_file_is_named_with_where_it_is(
    shop: Shop, path: str, content: str, text: str
) -> None:
    shop.write(f"generated/deploy/{path}", content)
    shop.commit()

    result = shop.asked()

    assert result.exit_code == 1
    assert f"generated/deploy/{path}: {text}\n" in result.stderr
