"""Header blocks that are written and read without taking them apart."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from protonats._wire import call, headers

_ids = st.text("0123456789abcdef", min_size=32, max_size=32)
_traces = st.none() | st.builds(
    call.Trace,
    _ids,
    st.text("0123456789abcdef", min_size=16, max_size=16),
    st.integers(0, 255),
)
_remaining = st.none() | st.integers(0, call.MAX_REMAINING_MS)


@given(call_id=_ids, remaining=_remaining, trace=_traces)
def test_a_block_with_a_call_alone_says_what_the_long_way_says(
    call_id: str, remaining: int | None, trace: call.Trace | None
) -> None:
    header = call.CallHeader(call_id, remaining, trace)
    block = call.encode_block(call_id, remaining, trace)
    assert block == headers.encode({headers.CALL: call.encode(header)})
    assert call.decode_block(block) == header
    assert call.decode(headers.decode(block).lines[headers.CALL]) == header


@given(
    call_id=_ids,
    position=st.integers(0, 68),
    character=st.binary(min_size=1, max_size=1),
)
def test_what_is_read_the_short_way_is_read_so_the_long_way(
    call_id: str, position: int, character: bytes
) -> None:
    block = call.encode_block(call_id, 5000, None)
    block = block[:position] + character + block[position + 1 :]
    header = call.decode_block(block)
    if header is not None:
        assert call.decode(headers.decode(block).lines[headers.CALL]) == header


def test_a_block_with_more_than_a_call_is_left_to_the_long_way() -> None:
    block = call.encode_block("0" * 32, 1, None)
    for other in (
        b"",
        block[:-2],
        block[:-2] + b"A: b\r\n\r\n",
        block.replace(b"NATS/1.0", b"NATS/1.0 503"),
        block.replace(b"01-", b"02-"),
        block[:-8] + b"\r\n\r\n0000",
        block[:22] + b"\r\n\r\n" + block[22:-4],
    ):
        assert call.decode_block(other) is None


@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from([b"A", b"AB", b"B", b"a", b"X-A"]),
            st.sampled_from([b"1", b" 2 ", b"", b"A: 3", b":"]),
        ),
        max_size=6,
    )
)
def test_one_header_is_found_as_if_all_were_read(lines: list[tuple[bytes, bytes]]) -> None:
    block = b"NATS/1.0\r\n" + b"".join(b"%b:%b\r\n" % line for line in lines) + b"\r\n"
    read = headers.decode(block).lines
    for name in (b"A", b"AB", b"B", b"a", b"C"):
        found = headers.first(block, name)
        assert (None if found is None else found.decode()) == read.get(name.decode())


def test_call_ids_are_digits_and_never_the_same() -> None:
    ids = call.CallIds()
    made = [ids.next() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch("[0-9a-f]{32}", call_id) for call_id in made)
