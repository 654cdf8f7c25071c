"""What generated clients are made of."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from protonats import deadline
from protonats._info import MethodInfo
from protonats._wire import call, headers, status, subjects
from protonats._wire import metadata as metadata_rules
from protonats.connection import Connection
from protonats.errors import Code, StatusError

__all__ = ["Client"]

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


class Client:
    """Calls the methods of one service over a connection; safe to share between tasks.

    Every method takes

    - `timeout`: seconds that the call may take, the schema's by default; less where the call is
      made while another one is handled that has less time left.
    - `metadata`: names and values that travel with the request.
    - `idempotency_key`: calls with the same key are the same call.

    and raises `StatusError` for whatever goes wrong on the way, and `ValueError` for a `timeout`
    that is not a positive number.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _unary(
        self,
        method: MethodInfo[RequestT, ResponseT],
        request: RequestT,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> ResponseT:
        if not isinstance(request, method.request):
            raise TypeError(
                f"{method.name} takes {method.request.DESCRIPTOR.full_name}, not"
                f" {type(request).__name__}"
            )
        seconds = _seconds(method, timeout)
        loop = asyncio.get_running_loop()
        key = method.key
        metrics = self._connection.metrics
        started = loop.time()
        metrics.client_started(key)
        code = int(Code.INTERNAL)
        try:
            response = await self._call(method, request, seconds, metadata, idempotency_key)
            code = 0
            return response
        except StatusError as error:
            code = int(error.code)
            raise
        except asyncio.CancelledError:
            code = int(Code.CANCELLED)
            raise
        finally:
            metrics.client_handled(key, code, loop.time() - started)

    async def _call(
        self,
        method: MethodInfo[RequestT, ResponseT],
        request: RequestT,
        seconds: float,
        metadata: Mapping[str, str] | None,
        idempotency_key: str | None,
    ) -> ResponseT:
        until = deadline.earliest(seconds)
        left = until - asyncio.get_running_loop().time()
        if left <= 0:
            raise StatusError(
                Code.DEADLINE_EXCEEDED,
                f"{method.name} was not called: the deadline had passed before",
            )
        subject = subjects.template(method.subject).fill(
            lambda field: subjects.field_value(request, field)
        )
        trace = deadline.current_trace()
        call_id = secrets.token_hex(16)
        header = call.CallHeader(
            call_id, call.milliseconds(left), call.Trace.parse(trace) if trace else None
        )
        lines = {headers.CALL: call.encode(header)}
        if idempotency_key is not None:
            metadata_rules.check_text(idempotency_key, "an idempotency key")
            lines[headers.IDEMPOTENCY_KEY] = idempotency_key
        if metadata:
            metadata_rules.check(metadata)
            lines.update(metadata)
        answer = await self._connection._request(
            subject, request.SerializeToString(), headers.encode(lines), until, token=call_id
        )
        if answer.status == headers.NO_RESPONDERS and not answer.body:
            raise StatusError(Code.UNAVAILABLE, f"no instance serves {subject}")
        if headers.ERROR_CODE in answer.headers:
            raise status.decode(answer.headers, answer.body)
        try:
            return method.response.FromString(answer.body)
        except DecodeError:
            raise StatusError(
                Code.INTERNAL,
                f"the answer of {subject} cannot be read as {method.response.DESCRIPTOR.full_name}",
            ) from None

    def _server_stream(
        self,
        method: MethodInfo[RequestT, ResponseT],
        request: RequestT,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncIterator[ResponseT]:
        return _RefusedStream(method)

    async def _client_stream(
        self,
        method: MethodInfo[RequestT, ResponseT],
        requests: AsyncIterable[RequestT],
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> ResponseT:
        return await anext(_RefusedStream(method))

    def _bidi_stream(
        self,
        method: MethodInfo[RequestT, ResponseT],
        requests: AsyncIterable[RequestT],
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncIterator[ResponseT]:
        return _RefusedStream(method)


class _RefusedStream(AsyncIterator[ResponseT]):
    """A stream that fails when it is first read."""

    def __init__(self, method: MethodInfo[RequestT, ResponseT]) -> None:
        self._text = (
            f"{method.name} is a {method.kind.value}: this version of protonats makes unary calls"
            " only"
        )

    async def __anext__(self) -> ResponseT:
        raise StatusError(Code.UNIMPLEMENTED, self._text)


def _seconds(method: MethodInfo[RequestT, ResponseT], timeout: float | None) -> float:
    if timeout is None:
        return method.timeout
    if not math.isfinite(timeout) or timeout <= 0:
        raise ValueError(f"timeout is {timeout}: write a positive number of seconds")
    return timeout
