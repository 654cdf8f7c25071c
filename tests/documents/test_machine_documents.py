"""AsyncAPI and OpenAPI, judged by the parsers that their readers use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.documents.rendering import documents_of, node
from tests.projects import ROOT

pytestmark = pytest.mark.network

NEWER = "asyncapi-latest-version asyncapi: The latest version of AsyncAPi is not used"


def judged(programs: Path, kind: str, text: str) -> Any:
    """What the parser says about a document."""
    file = programs / f"{kind}.json"
    file.write_text(text, encoding="utf-8")
    return node(programs / "validate.mjs", kind, file)


@pytest.fixture(scope="module")
def platform() -> dict[str, str]:
    """The documents of the platform's own schemas."""
    return documents_of(ROOT)


def asyncapi(documents: dict[str, str], service: str) -> Any:
    """The document of a service."""
    return json.loads(documents[f"asyncapi/{service}.json"])


@pytest.mark.parametrize("project", ["documents", "platform"])
def test_asyncapi_is_valid(project: str, programs: Path, request: pytest.FixtureRequest) -> None:
    documents = request.getfixturevalue(project)
    found = {path: text for path, text in documents.items() if path.startswith("asyncapi/")}
    # Those with the most in them: the parser takes a second for each.
    for path in sorted(found, key=lambda path: len(found[path]))[-2:]:
        result = judged(programs, "asyncapi", found[path])
        problems = [problem for problem in result["problems"] if not problem.startswith(NEWER)]
        assert (path, result["valid"], problems) == (path, True, [])
        document = json.loads(found[path])
        assert set(result["operations"]) == set(document["operations"])
        assert len(result["addresses"]) == len(document["channels"])


@pytest.mark.parametrize("project", ["documents", "platform"])
def test_openapi_is_valid(project: str, programs: Path, request: pytest.FixtureRequest) -> None:
    text = request.getfixturevalue(project)["openapi.json"]
    result = judged(programs, "openapi", text)
    assert result == {"valid": True, "problems": [], "specification": "OpenAPI"}


def test_the_parsers_refuse_what_is_wrong(programs: Path, documents: dict[str, str]) -> None:
    document = asyncapi(documents, "order")
    next(iter(document["operations"].values()))["action"] = "shout"
    assert not judged(programs, "asyncapi", json.dumps(document))["valid"]

    openapi = json.loads(documents["openapi.json"])
    next(iter(openapi["paths"].values()))["post"]["parameters"][0]["in"] = "nowhere"
    assert not judged(programs, "openapi", json.dumps(openapi))["valid"]


def test_a_channel_is_a_subject(documents: dict[str, str]) -> None:
    document = asyncapi(documents, "order")
    found = {
        channel["address"]: {n: p["location"] for n, p in channel.get("parameters", {}).items()}
        for channel in document["channels"].values()
        if channel["address"]
    }
    assert found["svc.order.v1.create.{order_order_id}"] == {
        "order_order_id": "$message.payload#/order/orderId"
    }
    assert found["evt.order.changed.v1.{order_id}"] == {"order_id": "$message.payload#/orderId"}
    assert found["svc.order.v1.search"] == found["evt.seen.v1"] == {}
    assert set(document["servers"]) == {"dev", "production"}
    assert {server["host"] for server in document["servers"].values()} == {"{host}"}


def test_each_service_has_its_operations(documents: dict[str, str]) -> None:
    found = {
        (service, one["tags"][0]["name"], one["action"], name.rpartition(".")[2])
        for service in ("order", "stock")
        for name, one in asyncapi(documents, service)["operations"].items()
    }
    assert found == {
        *(("order", "order", "receive", name) for name in ("Create", "Get", "Search", "Import")),
        *(("order", "order", "receive", name) for name in ("Watch", "Cancel")),
        *(("order", "order", "send", n) for n in ("OrderChanged", "OrderSeen", "Reserve")),
        ("stock", "stock", "receive", "OrderChanged"),
        ("stock", "stock", "receive", "Reserve"),
    }
    reserve = asyncapi(documents, "stock")["operations"]["shop.stock.v1.StockService.Reserve"]
    assert reserve["bindings"]["nats"]["queue"] == "q.shop.stock"
    assert [one["$ref"].rpartition("/")[2] for one in reserve["reply"]["messages"]] == [
        "shop.stock.v1.ReserveResponse",
        "google.rpc.Status",
    ]


def test_routes_are_operations(documents: dict[str, str]) -> None:
    document = json.loads(documents["openapi.json"])
    found = {
        f"{verb} {path}": [
            f"{one['name']} in {one['in']}" for one in operation.get("parameters", [])
        ]
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
    }
    assert found == {
        "post /v1/orders": ["dryRun in query"],
        "put /v1/orders/{order.order_id}": ["order.order_id in path"],
        "delete /v1/orders/{order.order_id}": ["order.order_id in path"],
        "get /v1/customers/{name.1}/orders/{name.2}": [
            "name.1 in path",
            "name.2 in path",
            "fields in query",
        ],
        "get /v1/orders:search": [
            "text in query",
            "filter.progress in query",
            "filter.since in query",
        ],
    }
    create = document["paths"]["/v1/orders"]["post"]["responses"]
    assert sorted(create) == ["200", "400", "409", "429", "500", "503", "504", "default"]
    search = document["paths"]["/v1/orders:search"]["get"]["responses"]["200"]
    assert list(search["content"]) == ["application/x-ndjson"]
