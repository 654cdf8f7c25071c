"""The vectors of streams, byte by byte, and what no vector can say."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protonats._wire import frames, stream_header
from protonats.errors import Code, StatusError

_VECTORS = json.loads(
    (Path(__file__).parents[2] / "docs" / "wire-vectors" / "stream.json").read_text()
)
_NUMBERS = st.integers(0, 2**64 - 1)


def name(vector: dict[str, Any]) -> str:
    return str(vector["name"])


class TestHeader:
    vectors = _VECTORS["header"]

    @pytest.mark.parametrize("vector", vectors["valid"], ids=lambda vector: vector["value"])
    def test_is_read_and_written_in_one_way(self, vector: dict[str, Any]) -> None:
        header = stream_header.decode(vector["value"])
        assert header.carried == vector["carried"]
        assert (header.messages, header.size) == (vector["messages"], vector["bytes"])
        assert header.interval * 1000 == vector["interval_ms"]
        assert (stream_header.encode(header) == vector["value"]) is vector["canonical"]

    @pytest.mark.parametrize("value", [*vectors["invalid"], None])
    def test_anything_else_is_refused(self, value: str | None) -> None:
        with pytest.raises(StatusError, match="the header Pn-Stream is") as error:
            stream_header.decode(value)
        assert error.value.code is Code.INVALID_ARGUMENT

    def test_a_grant_that_does_not_fit_is_written_as_the_largest_that_does(self) -> None:
        header = stream_header.StreamHeader(0, 2**40, 2**40, 0.0001)
        assert stream_header.encode(header) == "0-ffffffff-ffffffff-00000001"

    @pytest.mark.parametrize("vector", _VECTORS["end"]["valid"], ids=lambda vector: vector["value"])
    def test_an_end_has_a_count(self, vector: dict[str, Any]) -> None:
        assert stream_header.decode_end(vector["value"]) == vector["count"]

    @pytest.mark.parametrize("value", _VECTORS["end"]["invalid"])
    def test_an_end_without_a_count_is_none(self, value: str) -> None:
        assert stream_header.decode_end(value) is None


class TestFrames:
    @pytest.mark.parametrize("vector", _VECTORS["frame"], ids=name)
    def test_a_frame_is_read_and_written(self, vector: dict[str, Any]) -> None:
        frame = bytes.fromhex(vector["hex"])
        if vector["kind"] == "data":
            messages = [bytes.fromhex(message) for message in vector["messages"]]
            assert frame[0] == frames.DATA
            assert frames.read_data(frame) == (vector["first"], messages)
            assert frames.data(vector["first"], messages) == frame
        elif vector["kind"] == "part":
            content = bytes.fromhex(vector["content"])
            place = vector["number"], vector["total"], vector["offset"]
            assert frame[0] == frames.PART
            assert frames.read_part(frame) == (*place, content)
            assert frames.part(*place, content) == frame
        elif vector["kind"] == "credit":
            assert frame[0] == frames.CREDIT
            assert frames.read_credit(frame) == (vector["messages"], vector["bytes"])
            assert frames.credit(vector["messages"], vector["bytes"]) == frame
        else:
            assert frame == frames.KEEPALIVE_FRAME

    @pytest.mark.parametrize("vector", _VECTORS["malformed"], ids=name)
    def test_a_malformed_frame_is_refused(self, vector: dict[str, Any]) -> None:
        frame = bytes.fromhex(vector["hex"])
        read = {"data": frames.read_data, "part": frames.read_part, "credit": frames.read_credit}
        kind = vector["name"].partition(":")[0]
        if kind == "nothing":
            assert frame == b""
            return
        with pytest.raises(frames.MalformedFrame, match=f"a {kind.upper()} frame"):
            read[kind](frame)

    @given(_NUMBERS, st.lists(st.binary(max_size=300), min_size=1, max_size=20))
    def test_data_comes_back_as_it_was(self, first: int, messages: list[bytes]) -> None:
        assert frames.read_data(frames.data(first, messages)) == (first, messages)

    @given(st.binary(max_size=64))
    def test_garbage_is_read_or_refused_and_nothing_else(self, garbage: bytes) -> None:
        for kind, read in ((1, frames.read_data), (2, frames.read_part), (3, frames.read_credit)):
            with suppress(frames.MalformedFrame):
                read(bytes((kind,)) + garbage)

    @given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.data())
    def test_data_cut_anywhere_but_between_messages_is_refused(
        self, messages: list[bytes], data: st.DataObject
    ) -> None:
        frame = frames.data(1, messages)
        bounds = {9 + sum(4 + len(item) for item in messages[:n]) for n in range(1, 6)}
        cut = data.draw(st.integers(0, len(frame) - 1).filter(lambda cut: cut not in bounds))
        with pytest.raises(frames.MalformedFrame):
            frames.read_data(frame[:cut])
