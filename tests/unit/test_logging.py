"""Log lines that machines read."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.trace import TracerProvider

from protonats import deadline
from protonats._process.log import log_json
from protonats._wire.call import Trace


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers = []
    stream = io.StringIO()
    log_json(stream)
    yield stream
    root.handlers, root.level = before


def test_a_line_has_time_level_event_and_what_the_call_gave(lines: io.StringIO) -> None:
    logging.getLogger("protonats").info("serving", extra={"service": "quest", "instance": "0a"})

    line = json.loads(lines.getvalue())
    age = datetime.now(UTC) - datetime.fromisoformat(line.pop("time"))
    assert timedelta(0) <= age + timedelta(milliseconds=1) < timedelta(minutes=1)
    assert line == {
        "level": "info",
        "event": "serving",
        "logger": "protonats",
        "service": "quest",
        "instance": "0a",
    }


def test_an_exception_is_one_field_of_one_line(lines: io.StringIO) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("quest").exception("failed %s", "badly")

    (text,) = lines.getvalue().splitlines()
    line = json.loads(text)
    assert line["event"] == "failed badly"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: two\nlines")


def test_a_value_that_json_does_not_know_is_written_as_text(lines: io.StringIO) -> None:
    logging.getLogger("quest").warning(
        "odd",
        extra={
            "value": {
                1,
            }
        },
    )

    assert json.loads(lines.getvalue())["value"] == "{1}"


def test_a_line_of_a_running_call_has_its_ids(lines: io.StringIO) -> None:
    trace = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 0)
    with deadline.scope(None):
        deadline.enter(None, trace, "0a" * 16)
        logging.getLogger("quest.rewards").info("paid")
        logging.getLogger("protonats").info("late", extra={"call_id": "0b" * 16})
    logging.getLogger("quest").info("idle")

    paid, late, idle = map(json.loads, lines.getvalue().splitlines())
    assert paid["call_id"] == "0a" * 16
    assert (paid["trace_id"], paid["span_id"]) == (trace.trace_id, trace.span_id)
    assert late["call_id"] == "0b" * 16
    assert not {"call_id", "trace_id", "span_id"} & idle.keys()


def test_a_line_has_the_ids_of_the_span_that_the_application_has_open(lines: io.StringIO) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("quest")
    with tracer.start_as_current_span("work") as span:
        logging.getLogger("quest").info("at work")

    line = json.loads(lines.getvalue())
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert line["span_id"] == f"{span.get_span_context().span_id:016x}"
