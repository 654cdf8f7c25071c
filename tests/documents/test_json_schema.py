"""JSON Schema of messages: it accepts what protobuf and protovalidate accept, and no more."""

from __future__ import annotations

import json
from typing import Any

import protovalidate
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from jsonschema import Draft7Validator, Draft202012Validator

from tests.documents.rendering import CASE
from tests.schemas import compile_schemas

Order = dict[str, Any]

GOOD: Order = {
    "orderId": "0b8ae7a2-6f8e-4f4e-9e0a-5d3d0a1f7c11",
    "lines": [{"article": "a-1", "count": 2}],
    "progress": "PROGRESS_SENT",
    "card": "4711",
    "createdAt": "2026-01-02T03:04:05Z",
}
MORE: Order = {
    "prices": {"net": {"currency": "EUR", "amount": "1999"}},
    "pictures": {"-1": "AQI="},
    "leadTime": "90.5s",
    "extra": {"any": [1, None, {"thing": True}]},
    "note": "text",
    "weight": "Infinity",
    "volume": "NaN",
    "revision": "18446744073709551615",
    "coupon": "SUMMER",
    "remark": "",
    "total": {"currency": "USD", "amount": "1"},
    "address": "somewhere",
    "tags": ["a", "b"],
}
CHANGES: list[tuple[str, Any]] = [
    ("orderId", "no uuid"),
    ("orderId", None),
    ("lines", []),
    ("tags", ["a", "b", "a"]),
    ("tags", ["a", "b", "c", "d"]),
    ("tags", ["far too long"]),
    ("lines", [{"article": "", "count": 1}]),
    ("lines", [{"count": 1}]),
    ("lines", [{"article": "a"}]),
    ("lines", [{"article": "a", "count": 999, "parts": [{"article": "b", "count": 1}]}]),
    ("lines", [{"article": "a", "count": 1, "parts": [{"article": "b", "count": 1000}]}]),
    ("lines", [{"article": "a", "count": -1}]),
    ("progress", "PROGRESS_UNSPECIFIED"),
    ("progress", "PROGRESS_LOST"),
    ("progress", None),
    ("prices", {"much too long": {"currency": "EUR"}}),
    ("prices", {"net": {"currency": "eur"}}),
    ("prices", {"net": {}}),
    ("pictures", {"one": "AQI="}),
    ("card", None),
    ("cash", {}),
    ("pickUp", True),
    ("createdAt", None),
    ("leadTime", "90"),
    ("weight", 0),
    ("weight", 1.5),
    ("weight", -0.5),
    ("weight", "NaN"),
    ("weight", "-Infinity"),
    ("volume", "-Infinity"),
    ("volume", "much"),
    ("revision", "-1"),
    ("coupon", ""),
    ("coupon", "SUMMER26"),
    ("address", None),
]
"""A field of a good order, and what it is changed to; None: taken away."""


@pytest.fixture(scope="module")
def order_class() -> type[Message]:
    """The class of orders, with the rules of its schema."""
    pool = DescriptorPool()
    for file in compile_schemas(CASE / "proto").file:
        pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("shop.orders.v1.Order"))


@pytest.fixture(scope="module", params=[Draft7Validator, Draft202012Validator])
def accepts(request: pytest.FixtureRequest, documents: dict[str, str]) -> Any:
    """Whether JSON is an order, to AsyncAPI's and to OpenAPI's kind of JSON Schema."""
    asyncapi = request.param is Draft7Validator
    document = json.loads(documents["asyncapi/order.json" if asyncapi else "openapi.json"])
    schema = {
        "$ref": "#/components/schemas/shop.orders.v1.Order",
        "components": document["components"],
    }
    request.param.check_schema(schema)
    formats = request.param.FORMAT_CHECKER
    if asyncapi:
        # Draft 7 knows no `uuid`, and ignores what stands beside a reference.
        formats = Draft202012Validator.FORMAT_CHECKER
    return request.param(schema, format_checker=formats).is_valid


def is_good(order_class: type[Message], value: Order) -> bool:
    """Whether protobuf and protovalidate take the JSON of an order."""
    try:
        order = json_format.ParseDict(value, order_class())
        protovalidate.validate(order)
    except (json_format.ParseError, protovalidate.ValidationError):
        return False
    return True


def test_a_good_message_is_accepted(accepts: Any, order_class: type[Message]) -> None:
    for value in (GOOD, GOOD | MORE):
        assert is_good(order_class, value)
        assert accepts(value)
        order = json_format.ParseDict(value, order_class())
        assert accepts(json_format.MessageToDict(order))


@pytest.mark.parametrize(("field", "value"), CHANGES, ids=lambda one: json.dumps(one)[:40])
def test_the_rules_agree(field: str, value: Any, accepts: Any, order_class: type[Message]) -> None:
    changed = GOOD | MORE | {field: value}
    if value is None:
        del changed[field]
    assert accepts(changed) == is_good(order_class, changed)
