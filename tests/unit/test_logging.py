"""Log lines that machines read."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from protonats._process.log import log_json


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
