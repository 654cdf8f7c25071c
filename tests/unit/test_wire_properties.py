"""Properties of the wire functions that no list of examples can show."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from protonats._wire import call, events, headers, metadata, status, subjects
from protonats.errors import Code, StatusError

hexadecimal = st.text("0123456789abcdef", min_size=32, max_size=32)
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
names = st.from_regex(r"[a-z0-9][a-z0-9_.]{0,20}", fullmatch=True).filter(
    lambda name: not name.startswith(("pn-", "nats-"))
)
tokens = st.text(min_size=1, max_size=20).filter(subjects.is_token)


@given(hexadecimal, st.none() | st.integers(0, call.MAX_REMAINING_MS), st.booleans())
def test_a_call_header_survives_the_journey(call_id: str, left: int | None, traced: bool) -> None:
    trace = call.Trace(call_id[::-1], call_id[:16], 1) if traced else None
    header = call.CallHeader(call_id, left, trace)
    assert call.decode(call.encode(header)) == header


@given(st.text())
def test_any_text_is_a_call_header_or_refused(text: str) -> None:
    with contextlib.suppress(StatusError):
        call.decode(text)


@given(st.floats(0, 1e12))
def test_the_remaining_time_is_never_rounded_down(seconds: float) -> None:
    sent = call.milliseconds(seconds)
    assert 0 <= sent <= call.MAX_REMAINING_MS
    assert sent >= min(seconds * 1000, call.MAX_REMAINING_MS)
    assert sent - seconds * 1000 <= 1


def test_a_deadline_that_passed_has_no_time_left() -> None:
    assert call.milliseconds(-3) == 0
    assert call.milliseconds(math.ulp(0.0)) == 1


@given(st.dictionaries(names, values | st.just("ünïcode"), max_size=8))
def test_header_blocks_survive_and_their_size_is_known(lines: dict[str, str]) -> None:
    block = headers.encode(lines)
    assert headers.decode(block).lines == lines
    assert headers.size(lines) == len(block)


@given(st.binary())
def test_any_bytes_are_read_as_header_lines(block: bytes) -> None:
    headers.decode_lines(block)
    with contextlib.suppress(ValueError):
        headers.decode(block)
    headers.decode(b"NATS/1.0\r\n" + block)


def test_of_two_equal_names_the_first_counts() -> None:
    assert headers.decode_lines(b"a: 1\r\na: 2\r\nb:3\r\nno colon\r\n\r\n") == {"a": "1", "b": "3"}


@given(st.dictionaries(names, values, max_size=8))
def test_what_a_sender_may_send_is_what_a_receiver_reads(pairs: dict[str, str]) -> None:
    metadata.check(pairs)
    assert metadata.read(pairs) == pairs


def test_metadata_is_bounded_as_a_whole() -> None:
    pairs = {f"name{index}": "v" * 1000 for index in range(9)}
    with pytest.raises(StatusError, match="8192 are allowed"):
        metadata.check(pairs)
    kept = metadata.read(pairs)
    assert sum(map(len, [*kept, *kept.values()])) <= metadata.MAX_SIZE


@given(st.sampled_from(Code), st.text(max_size=600))
def test_a_status_survives_the_journey(code: Code, message: str) -> None:
    detail = Struct(fields={"key": Value(string_value="value")})
    lines, body = status.encode(StatusError(code, message, details=[detail]))
    assert len(lines[headers.ERROR].encode()) <= 512
    assert lines[headers.ERROR].isprintable() or "\n" not in lines[headers.ERROR]
    read = status.decode(lines, body)
    assert (read.code, list(read.details)) == (code, [detail])
    assert read.message == message.encode("utf-8", "replace").decode()


@given(
    st.dictionaries(st.sampled_from([headers.ERROR_CODE, headers.ERROR]), st.text()), st.binary()
)
def test_any_answer_is_read_as_some_status(lines: dict[str, str], body: bytes) -> None:
    assert status.decode(lines, body).code in Code


def test_a_detail_of_an_unknown_type_is_kept_as_it_came() -> None:
    body = Status(code=5)
    body.details.add(type_url="type.googleapis.com/acme.Unknown", value=b"\x08\x01")
    (detail,) = status.decode({headers.ERROR_CODE: "5"}, body.SerializeToString()).details
    assert detail == body.details[0]


@given(st.lists(tokens, min_size=2, max_size=2))
def test_a_filled_subject_fits_its_subscription(words: list[str]) -> None:
    template = subjects.template("svc.world.v1.{a.b}.get.{c}")
    fields: dict[str, str] = dict(zip(("a.b", "c"), words, strict=True))
    subject = template.fill(fields.__getitem__)
    assert subjects.matches(template.listen, subject)
    template.check(subject, fields.__getitem__)


def test_a_token_that_differs_from_the_request_is_refused() -> None:
    template = subjects.template("svc.world.v1.get.{id}")
    with pytest.raises(StatusError, match="field id of the request differs") as error:
        template.check("svc.world.v1.get.a", {"id": "b"}.__getitem__)
    assert error.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("pattern", "subject", "fits"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.", False),
        ("a.*", "a.b.c", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("a.>", "a.b..c", False),
        ("*.b", "x.b", True),
        ("*.b", "x.c", False),
    ],
)
def test_subjects_fit_subscriptions_as_in_nats(pattern: str, subject: str, fits: bool) -> None:
    assert subjects.matches(pattern, subject) is fits


def test_fields_become_text() -> None:
    assert subjects.field_value(StringValue(value="x"), "value") == "x"
    assert subjects.field_value(Int64Value(value=-7), "value") == "-7"


@pytest.mark.parametrize("value", ["02-x.Y", "x.Y", "01-", ""])
def test_an_event_header_of_another_version_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match="Pn-Event"):
        events.event_type({events.EVENT: value})


def test_an_event_without_the_header_has_no_type() -> None:
    assert events.event_type({}) is None


@pytest.mark.parametrize("event_id", ["", " x", "x" * 129, "é"])
def test_an_event_id_that_is_no_metadata_value_is_refused(event_id: str) -> None:
    with pytest.raises(StatusError, match="an event id is 1 to 128 characters"):
        metadata.check_text(event_id, "an event id")


@pytest.mark.parametrize("text", ["", "00-x", "00-" + "A" * 32 + "-" + "b" * 16 + "-01"])
def test_what_is_no_traceparent_is_no_trace(text: str) -> None:
    assert call.Trace.parse(text) is None


def test_a_traceparent_is_read_and_written() -> None:
    text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    trace = call.Trace.parse(text)
    assert trace is not None
    assert trace.traceparent == text


@pytest.mark.parametrize(
    ("subject", "reply", "reason"),
    [
        ("svc.a.v1.get.x", "_INBOX.a.b.c", None),
        ("svc.a.v1.get.x", "_R_.x", None),
        ("svc.a.v1.set.x", "_INBOX.a.b.c", "subject"),
        ("svc.a.v1.get", "_INBOX.a.b.c", "subject"),
        ("svc.a.v1.get.x", "", "no_reply"),
        ("svc.a.v1.get.x", "svc.payment.v1.process", "reply_subject"),
        ("svc.a.v1.get.x", "_INBOX." + "x" * 2042, "reply_subject"),
    ],
)
def test_requests_that_are_not_even_refused(subject: str, reply: str, reason: str | None) -> None:
    assert subjects.why_dropped("svc.a.v1.get.*", subject, reply) == reason


@pytest.mark.parametrize(
    ("pairs", "text"),
    [({"bad": 1}, "metadata 'bad': a value is a string"), ({1: "x"}, "metadata name 1: write")],
)
def test_metadata_that_is_no_text_is_refused_by_name(pairs: dict[str, str], text: str) -> None:
    with pytest.raises(StatusError, match=text) as error:
        metadata.check(pairs)
    assert error.value.code is Code.INVALID_ARGUMENT


def test_an_idempotency_key_that_is_no_text_is_refused_by_name() -> None:
    key: Any = 7
    with pytest.raises(StatusError, match="an idempotency key is 1 to 128 characters") as error:
        metadata.check_text(key, "an idempotency key")
    assert error.value.code is Code.INVALID_ARGUMENT
