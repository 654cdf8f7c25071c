"""Log lines as JSON, one object per line, for machines that read logs."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from protonats import deadline
from protonats._wire.call import Trace

_STANDARD: Final = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Writes `{"time", "level", "event", …}`.

    `time` is UTC in RFC 3339, `event` the message. A line of code that handles a call or an event
    has its `call_id`, `trace_id` and `span_id`, as far as they are known. What a call gives as
    `extra` becomes a field each; an exception becomes the field `exception`, with its traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line, without a line break in it."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, object] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **_running(),
        }
        fields.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def _running() -> dict[str, str]:
    """What is known about the running call."""
    fields: dict[str, str] = {}
    if call_id := deadline.current_call_id():
        fields["call_id"] = call_id
    trace = _current_span() or deadline.current_context()
    if trace is not None:
        fields |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    return fields


def _current_span() -> Trace | None:
    """The current span of OpenTelemetry, if it is recorded; loads nothing."""
    api: Any = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    context = api.get_current_span().get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return None
    return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags)


def log_json(stream: TextIO | None = None) -> None:
    """Makes the root logger write JSON lines from level INFO on to `stream`, by default stderr."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
