"""`protonats ls`, `ping`, `stats` and `describe`, against a real service."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.functional.live.orders import Shop

NAME = "acme.orders.v1.OrderService"


def test_services_are_listed(shop: Shop) -> None:
    lines = shop.run("ls").stdout.splitlines()

    assert lines[0].split() == [
        "service", "version", "instances", "methods", "domain", "full", "name",
    ]  # fmt: skip
    assert lines[1].split() == ["order", "1.2.0", "1", "4", "order", NAME]
    assert [line for line in lines if line != line.rstrip()] == []


def test_services_that_nobody_serves_are_listed_if_wanted(shop: Shop) -> None:
    result = shop.typed("ls", "--missing")
    assert re.search(
        r"^shipping +1\.0\.0 +0 +0 +acme\.shipping +acme\.shipping", result.stdout, re.M
    )
    assert result.stdout.endswith("Nobody serves shipping.\n")
    rows = json.loads(shop.typed("ls", "--missing", "--json").stdout)
    assert {row["service"]: row["instances"] for row in rows} == {"order": 1, "shipping": 0}


def test_instances_are_listed(shop: Shop) -> None:
    head, row, count = shop.run("ls", "order", "--instances").stdout.splitlines()
    assert head.split() == ["service", "version", "instance", "full", "name"]
    assert re.fullmatch(rf"order +1\.2\.0 +[0-9a-f]{{16}} +{re.escape(NAME)}", row)
    assert count == "1 instance."
    (info,) = shop.json("ls", "--instances")
    assert info["type"] == "io.nats.micro.v1.info_response"


@pytest.mark.parametrize("command", ["ls", "ping", "stats"])
def test_nobody_may_answer(shop: Shop, command: str) -> None:
    result = shop.run(command, "nobody")
    assert result.stdout == "No instance of nobody answers.\n"
    assert result.exit_code == (1 if command == "ping" else 0)


def test_instances_answer(shop: Shop) -> None:
    head, row, summary = shop.run("ping").stdout.splitlines()
    assert head.split() == ["service", "version", "instance", "time"]
    assert re.fullmatch(r"order +1\.2\.0 +[0-9a-f]{16} +[0-9.]+ ms", row)
    assert summary == "1 instance of 1 service answered."
    (facts,) = shop.json("ping", "order")
    assert 0 < facts["milliseconds"] < 2000


def test_what_was_done_is_counted(shop: Shop) -> None:
    def placed() -> dict[str, Any]:
        (row,) = [row for row in shop.json("stats", "order") if row["method"] == "place"]
        return dict(row)

    before = placed()
    shop.typed("call", "order.place", '{"item": "tea"}')
    shop.typed("call", "order.place", "{}")
    after = placed()

    assert after["requests"] - before["requests"] == 2
    assert after["errors"] - before["errors"] == 1
    assert after["last_error"] == "3: there is no item"  # as the server has it
    table = shop.run("stats").stdout.splitlines()
    assert table[0].split() == [
        "service", "version", "method", "requests", "errors", "average", "last", "error",
    ]  # fmt: skip
    assert re.search(r"^order +1\.2\.0 +place +\d+ +\d+ +[0-9.]+ ms  INVALID_ARGUMENT: there is no"
                     r" item$", "\n".join(table), re.M)  # fmt: skip


def test_a_service_is_described(shop: Shop) -> None:
    text = shop.typed("describe", "order").stdout
    assert text.startswith(f"// Takes orders.\nservice {NAME}\n  name        order 1.2.0\n")
    assert "\n  // Places an order.\n  rpc Place(acme.orders.v1.PlaceRequest) returns" in text
    assert "rpc Double(stream acme.orders.v1.Number) returns (stream acme.orders.v1.Num" in text


def test_a_method_is_described_with_its_messages(shop: Shop) -> None:
    text = shop.typed("describe", "order.place").stdout

    assert "// INVALID_ARGUMENT without an item.\nrpc acme.orders.v1.OrderService.Place\n" in text
    assert "\n  subject   svc.order.v1.place\n  time-out  3 s\n" in text
    assert "  // What is ordered.\n  string item = 1;\n" in text
    assert "  acme.orders.v1.Size size = 3;  // SIZE_UNSPECIFIED, SIZE_SMALL, SIZE_LARGE\n" in text
    assert "  oneof payment {\n    string card = 4;\n    bool cash = 5;\n  }\n" in text
    assert "  map<string, string> seen = 3;\n}\n" in text


def test_an_event_is_described_with_its_way(shop: Shop) -> None:
    text = shop.typed("describe", "OrderPlaced").stdout
    assert "event acme.orders.v1.OrderPlaced {\n" in text
    assert text.endswith(
        "  subject       evt.orders.order.placed.v1.{order_id}\n"
        "  stored        in a stream\n"
        "  published by  acme.orders.v1.OrderService\n"
        "  consumed by   acme.shipping.v1.ShippingService (shipping)\n"
    )


@pytest.mark.parametrize("key", ["o-1", "*"])
def test_a_subject_is_explained_as_it_is_on_the_wire(shop: Shop, key: str) -> None:
    subject = f"evt.orders.order.placed.v1.{key}"
    result = shop.run("explain", subject, "--project", str(shop.project.root))
    assert result.stdout.startswith("event acme.orders.v1.OrderPlaced\n")


def test_descriptions_are_json_for_scripts(shop: Shop) -> None:
    def about(name: str) -> dict[str, object]:
        return dict(json.loads(shop.typed("describe", name, "--json").stdout))

    assert about("order.place")["subject"] == "svc.order.v1.place"
    assert about("Blinked")["durable"] is False
    assert about("acme.orders.v1.Size")["kind"] == "enum"
    fields = about("PlaceRequest")["fields"]
    assert isinstance(fields, list)
    assert fields[0] == {
        "name": "item", "number": 1, "type": "string", "comment": "What is ordered.",
    }  # fmt: skip


def test_everything_is_listed_without_a_name(shop: Shop) -> None:
    text = shop.typed("describe").stdout
    assert re.search(rf"^service +{re.escape(NAME)} +Takes orders\.$", text, re.M)
    assert re.search(r"^event +acme\.orders\.v1\.OrderPlaced +An order was placed\.$", text, re.M)


def test_instances_describe_themselves(shop: Shop) -> None:
    text = shop.run("describe", "order", "--live").stdout
    assert text.startswith(f"// Takes orders.\nservice {NAME}\n  order 1.2.0, 1 instance\n")
    assert "  rpc double(stream acme.orders.v1.Number) returns (stream acme.orders" in text
    (facts,) = json.loads(shop.run("describe", "order", "--live", "--json").stdout)
    assert facts["instances"] == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["describe", "OrderPlacd"], "nothing is called 'OrderPlacd' in "),
        (["describe", "OrderPlacd"], "did you mean 'acme.orders.v1.OrderPlaced'?"),
        (["describe", "ordr", "--live"], "no instance of ordr answers: did you mean 'order'?"),
    ],
)
def test_what_is_not_there_is_said(shop: Shop, arguments: list[str], error: str) -> None:
    result = shop.typed(*arguments)
    assert result.exit_code == 1
    assert error in result.stderr
