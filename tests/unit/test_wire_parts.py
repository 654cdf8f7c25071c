"""Messages in parts, byte by byte: docs/wire-vectors/parts.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protonats._wire import headers, parts
from protonats.errors import Code, StatusError

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "wire-vectors" / "parts.json").read_text()
)


@pytest.mark.parametrize("vector", VECTORS["part"]["valid"], ids=lambda vector: vector["value"])
def test_part_headers_are_read_and_written(vector: dict[str, Any]) -> None:
    part = parts.decode_part(vector["value"])
    assert (part.total, part.offset) == (vector["total"], vector["offset"])
    if vector["canonical"]:
        assert parts.encode_part(part.total, part.offset) == vector["value"]


@pytest.mark.parametrize("value", VECTORS["part"]["invalid"])
def test_malformed_part_headers_are_refused(value: str) -> None:
    with pytest.raises(StatusError) as raised:
        parts.decode_part(value)
    assert raised.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("vector", VECTORS["fetch"]["valid"], ids=lambda vector: vector["value"])
def test_fetch_headers_are_read_and_written(vector: dict[str, Any]) -> None:
    assert parts.decode_fetch(vector["value"]) == vector["offset"]
    if vector["canonical"]:
        assert parts.encode_fetch(vector["offset"]) == vector["value"]


@pytest.mark.parametrize("value", VECTORS["fetch"]["invalid"])
def test_malformed_fetch_headers_are_refused(value: str) -> None:
    with pytest.raises(StatusError) as raised:
        parts.decode_fetch(value)
    assert raised.value.code is Code.INVALID_ARGUMENT


def test_the_exchange_of_the_vectors_is_consistent() -> None:
    """Each part begins where the one before ended, and together they are one message."""
    request, response = b"", b""
    for step in VECTORS["exchange"]:
        lines = headers.decode(bytes.fromhex(step["headers"])).lines
        body = bytes.fromhex(step["body"])
        if parts.FETCH in lines:
            assert parts.decode_fetch(lines[parts.FETCH]) == len(response)
            continue
        part = parts.decode_part(lines[parts.PART])
        if step["to"] != "reply":
            assert (part.total, part.offset) == (10, len(request))
            request += body
        elif not body:
            assert (part.total, part.offset) == (10, len(request))
        else:
            assert (part.total, part.offset) == (6, len(response))
            response += body
    assert (len(request), len(response)) == (10, 6)


@given(
    max_payload=st.integers(1024, 64 * 1024 * 1024),
    value=st.text(alphabet="abc", max_size=400),
)
def test_a_part_with_its_headers_fits_into_a_message(max_payload: int, value: str) -> None:
    lines = {"name": value, parts.PART: parts.encode_part(1, 0)}
    assert parts.room(max_payload, lines) >= 1
    assert parts.room(max_payload, lines) + headers.size(lines) <= max_payload
