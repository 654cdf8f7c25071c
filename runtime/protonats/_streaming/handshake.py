"""The request that opens a stream, and the answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from google.protobuf.message import Message as ProtobufMessage

from protonats._calling.request import fill
from protonats._info import MethodInfo
from protonats._transport.message import Message
from protonats._wire import call, headers, status, stream_header, subjects
from protonats._wire.parts import INSTANCE
from protonats._wire.stream_header import StreamHeader
from protonats.errors import Code, StatusError


class OpeningRequest(NamedTuple):
    """A request as it is sent."""

    subject: str
    block: bytes
    body: bytes

    carried: bool
    """Whether it has the first message in it."""

    prefix: str
    """What the subject of everything further begins with; the instance follows."""


class Requester:
    """Writes the requests of one call: each attempt to open it has one of its own.

    Attributes:
        trace: The trace context that travels.
    """

    __slots__ = ("_deadline", "_lines", "_max_payload", "_method", "_template", "trace")

    def __init__(
        self,
        method: MethodInfo[Any, Any],
        *,
        deadline: float | None,
        lines: Mapping[str, str],
        trace: str | None,
        max_payload: int,
    ) -> None:
        """
        Args:
            method: What is called.
            deadline: The deadline of the call, in the loop's time.
            lines: Checked header lines of the request.
            trace: The trace context, as a `traceparent`.
            max_payload: The largest message that the server takes, in bytes.
        """
        self._method = method
        self._template = subjects.template(method.subject)
        self._deadline = deadline
        self._lines = lines
        self.trace = None if trace is None else call.Trace.parse(trace)
        self._max_payload = max_payload

    @property
    def needs_first(self) -> bool:
        """Whether the subject contains fields of the first message."""
        return bool(self._template.parameters)

    def write(
        self,
        message: ProtobufMessage | None,
        call_id: str,
        announced: StreamHeader,
        now: float,
    ) -> OpeningRequest:
        """One request.

        Args:
            message: The first message; None if it is not known or there is none.
            call_id: The id of the attempt.
            announced: What the caller announces, with a message carried.
            now: The loop's time.

        Raises:
            StatusError: DEADLINE_EXCEEDED, if the deadline has passed; INVALID_ARGUMENT, if the
                subject cannot be made of the message.
        """
        name = self._method.name
        if self._deadline is not None and self._deadline <= now:
            text = f"{name} was not called: the deadline had passed before"
            raise StatusError(Code.DEADLINE_EXCEEDED, text)
        subject, body, carried = self._template.text, b"", message is not None
        if message is not None:
            subject, body = fill(self._template, message), message.SerializeToString()
        elif self.needs_first:
            raise StatusError(
                Code.INVALID_ARGUMENT,
                f"{name} was not called: its subject contains fields of the first request, and"
                " there is none",
            )
        block = self._block(call_id, announced._replace(carried=int(carried)), now)
        if not self.needs_first and len(block) + len(body) > self._max_payload:
            # It follows in parts.
            body, carried = b"", False
            block = self._block(call_id, announced._replace(carried=0), now)
        prefix = f"{subjects.service_prefix(subject)}_i."
        return OpeningRequest(subject, block, body, carried, prefix)

    def _block(self, call_id: str, announced: StreamHeader, now: float) -> bytes:
        left = None if self._deadline is None else call.milliseconds(self._deadline - now)
        return headers.encode(
            {
                headers.CALL: call.encode(call.CallHeader(call_id, left, self.trace)),
                stream_header.STREAM: stream_header.encode(announced),
                **self._lines,
            }
        )


def refusal(answer: Message, subject: str) -> StatusError | None:
    """The status with which an instance, or the NATS server, answered; None if there is none."""
    if answer.status == headers.NO_RESPONDERS and not answer.body:
        text = f"no instance serves {subject}"
        return StatusError(Code.UNAVAILABLE, text, unhandled=True)
    if headers.ERROR_CODE in answer.headers:
        return status.decode(answer.headers, answer.body)
    return None


def acceptance(answer: Message, subject: str) -> tuple[str, StreamHeader]:
    """The instance that accepts the call, and what it announces.

    Raises:
        StatusError: INTERNAL, the answer does not open a stream.
    """
    lines = answer.headers
    instance = lines.get(INSTANCE, "")
    if not stream_header.is_instance(instance) or stream_header.STREAM not in lines:
        raise StatusError(Code.INTERNAL, f"the answer of {subject} does not open a stream")
    try:
        return instance, stream_header.decode(lines[stream_header.STREAM])
    except StatusError as error:
        raise StatusError(Code.INTERNAL, f"the answer of {subject}: {error.message}") from None
