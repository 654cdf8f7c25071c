"""What a handler may set as metadata of its response."""

from __future__ import annotations

from typing import Any

import pytest

from protonats._info import MethodInfo
from protonats.server import CallContext
from tests.functional.echo import EchoMethods

METHOD: MethodInfo[Any, Any] = EchoMethods.say


def context() -> CallContext:
    return CallContext(method=METHOD, call_id="0" * 32)


def test_it_is_a_mapping_like_others() -> None:
    made = context()
    made.response_metadata.update({"cost": "7"}, place="roof")
    assert made.response_metadata.setdefault("place", "cellar") == "roof"
    assert dict(made.response_metadata) == {"cost": "7", "place": "roof"}
    assert made.response_metadata.pop("cost") == "7"
    assert repr(made.response_metadata) == "{'place': 'roof'}"
    assert made.trailers == {}


@pytest.mark.parametrize("what", ["metadata", "trailers"])
@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("Cost", "7", "metadata name 'Cost': write 1 to 64 characters of a-z"),
        ("pn-call", "7", "names that begin with 'pn-' or 'nats-' or end in '-bin' are reserved"),
        ("cost", "7\r\nNats-Service-Error-Code: 3", "a value is a string of printable ASCII"),
        ("cost", "", "metadata 'cost': a value is a string of printable ASCII, not empty"),
        ("cost", 7, "a value is a string"),
        ("cost", "x" * 9000, "metadata has 9013 bytes, and 8192 are allowed"),
    ],
)
def test_what_cannot_travel_is_refused_where_it_is_set(
    what: str, name: str, value: Any, text: str
) -> None:
    made = context()
    target = made.trailers if what == "trailers" else made.response_metadata
    target["place"] = "roof"
    with pytest.raises(ValueError, match=f"^the {what} of a response: .*{text}"):
        target[name] = value
    assert target == {"place": "roof"}
