"""What generated clients are made of."""

from __future__ import annotations

import math
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Coroutine,
    Mapping,
    Sequence,
)
from typing import Any, TypeVar, cast

from google.protobuf.message import Message

from protonats import deadline
from protonats._calling import unary
from protonats._calling.methods import CalledMethod
from protonats._calling.opening import Opening
from protonats._chain import chain
from protonats._info import MethodInfo, MethodKind
from protonats._streaming.client_call import ClientStream, open_stream
from protonats.call_info import CallInfo
from protonats.connection import Connection, check_connection
from protonats.errors import StatusError
from protonats.interceptors import ClientInterceptor, OutgoingCall
from protonats.response_stream import ResponseStream, stream_of

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
    - `info`: a new `CallInfo`, filled while the call runs.

    and raises `StatusError` for whatever goes wrong on the way, and `ValueError` for a `timeout`
    that is not a positive number. Cancelling a call, or leaving a stream early, cancels its handler
    too.

    Args:
        connection: What the calls go over.
        interceptors: Code around every call; the first one is the outermost.
        wait_for_ready: Whether calls wait, until their deadline, for a connection and an instance,
            instead of failing with UNAVAILABLE.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        interceptors: Sequence[ClientInterceptor] = (),
        wait_for_ready: bool = False,
    ) -> None:
        check_connection(connection)
        self._connection = connection
        self._methods = connection._methods
        self._wait_for_ready = wait_for_ready
        self._around_unary = chain(
            interceptors, ClientInterceptor, MethodKind.UNARY, self._go_on_unary
        )
        self._around_server_stream = chain(
            interceptors, ClientInterceptor, MethodKind.SERVER_STREAM, self._go_on_streaming
        )
        self._around_client_stream = chain(
            interceptors, ClientInterceptor, MethodKind.CLIENT_STREAM, self._go_on_collecting
        )
        self._around_bidi_stream = chain(
            interceptors, ClientInterceptor, MethodKind.BIDI_STREAM, self._go_on_streaming
        )

    def _unary(
        self,
        method: MethodInfo[RequestT, ResponseT],
        request: RequestT,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        info: CallInfo | None = None,
    ) -> Coroutine[Any, Any, ResponseT]:
        # No coroutine function: each of them takes its share of a call's time.
        if not isinstance(request, method.request):
            raise _wrong_type(method, request)
        seconds = method.timeout if timeout is None else _checked(timeout)
        called = self._methods.get(method)
        if self._around_unary is None:
            coroutine = unary.call(
                self._connection,
                called,
                request,
                seconds,
                metadata,
                idempotency_key,
                info,
                self._wait_for_ready,
                True,
            )
        else:
            outgoing = _outgoing(method, seconds, metadata, idempotency_key, info)
            coroutine = self._intercepted(self._around_unary, called, request, outgoing)
        return cast("Coroutine[Any, Any, ResponseT]", coroutine)

    async def _intercepted(
        self,
        around: Callable[[Message, OutgoingCall], Awaitable[Message]],
        called: CalledMethod,
        request: Message,
        outgoing: OutgoingCall,
    ) -> Message:
        """Counts and traces a call together with what its interceptors do."""
        connection, calls = self._connection, called.calls
        started = connection._clock()
        calls.started += 1
        telemetry = connection.telemetry
        span = None if telemetry is None else telemetry.call(called.method)
        code, text = 0, ""
        try:
            return await around(request, outgoing)
        except BaseException as error:
            code, text = unary.code_of(error), getattr(error, "message", "")
            if isinstance(error, StatusError):
                error.method = called.full_name
            raise
        finally:
            calls.finish(code, connection._clock() - started)
            if span is not None:
                span.end(code, text)

    def _server_stream(
        self,
        method: MethodInfo[RequestT, ResponseT],
        request: RequestT,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        info: CallInfo | None = None,
    ) -> ResponseStream[ResponseT]:
        if not isinstance(request, method.request):
            raise _wrong_type(method, request)
        seconds = method.timeout if timeout is None else _checked(timeout)
        outgoing = _outgoing(method, seconds, metadata, idempotency_key, info)
        proceed = self._around_server_stream or self._go_on_streaming
        return cast(ResponseStream[ResponseT], stream_of(proceed(request, outgoing)))

    async def _client_stream(
        self,
        method: MethodInfo[RequestT, ResponseT],
        requests: AsyncIterable[RequestT],
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        info: CallInfo | None = None,
    ) -> ResponseT:
        _check_iterable(method, requests)
        seconds = method.timeout if timeout is None else _checked(timeout)
        outgoing = _outgoing(method, seconds, metadata, idempotency_key, info)
        proceed = self._around_client_stream or self._go_on_collecting
        return cast(ResponseT, await proceed(requests, outgoing))

    def _bidi_stream(
        self,
        method: MethodInfo[RequestT, ResponseT],
        requests: AsyncIterable[RequestT],
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        info: CallInfo | None = None,
    ) -> ResponseStream[ResponseT]:
        _check_iterable(method, requests)
        seconds = method.timeout if timeout is None else _checked(timeout)
        outgoing = _outgoing(method, seconds, metadata, idempotency_key, info)
        proceed = self._around_bidi_stream or self._go_on_streaming
        return cast(ResponseStream[ResponseT], stream_of(proceed(requests, outgoing)))

    async def _go_on_unary(self, request: Message, outgoing: OutgoingCall) -> Message:
        """What the innermost interceptor calls."""
        return await unary.call(
            self._connection,
            self._methods.get(outgoing.method),
            request,
            outgoing.timeout,
            outgoing.metadata,
            outgoing.idempotency_key,
            outgoing.info,
            self._wait_for_ready,
            False,
        )

    def _go_on_streaming(
        self, requests: Message | AsyncIterable[Message], outgoing: OutgoingCall
    ) -> ClientStream[Message]:
        """What the innermost interceptor calls; opens the stream when it is first read."""
        connection = self._connection
        called = self._methods.get(outgoing.method)
        until = deadline.earliest(outgoing.timeout)
        return open_stream(
            connection,
            outgoing.method,
            requests,
            deadline=until,
            metadata=outgoing.metadata,
            idempotency_key=outgoing.idempotency_key,
            info=outgoing.info,
            trace=deadline.current_trace(),
            opening=Opening(connection, called, until=until, wait_for_ready=self._wait_for_ready),
        )

    async def _go_on_collecting(
        self, requests: AsyncIterable[Message], outgoing: OutgoingCall
    ) -> Message:
        """What the innermost interceptor calls."""
        return await self._go_on_streaming(requests, outgoing).single()


def _wrong_type(method: MethodInfo[Any, Any], request: object) -> TypeError:
    return TypeError(
        f"{method.name} takes {method.request.DESCRIPTOR.full_name}, not {type(request).__name__}"
    )


def _check_iterable(method: MethodInfo[Any, Any], requests: object) -> None:
    if isinstance(requests, type) or not isinstance(requests, AsyncIterable):
        raise TypeError(
            f"{method.name} takes an asynchronous iterable of"
            f" {method.request.DESCRIPTOR.full_name}, for example an asynchronous generator, not"
            f" {type(requests).__name__}"
        )


def _checked(timeout: float) -> float:
    if not math.isfinite(timeout) or timeout <= 0:
        raise ValueError(f"timeout is {timeout}: write a positive number of seconds")
    return timeout


def _outgoing(
    method: MethodInfo[Any, Any],
    timeout: float | None,
    metadata: Mapping[str, str] | None,
    idempotency_key: str | None,
    info: CallInfo | None,
) -> OutgoingCall:
    return OutgoingCall(
        method=method,
        timeout=timeout,
        metadata=metadata or {},
        idempotency_key=idempotency_key,
        info=info,
    )
