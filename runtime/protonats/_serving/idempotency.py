"""Calls with an idempotency key: the first one runs, the others get its answer."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeAlias

from google.protobuf.message import Message

from protonats._info import Idempotency, IdempotencyInfo, MethodInfo, MethodKind
from protonats._serving.answers import AnswerStore, Begun, StoreUnavailable
from protonats._serving.refusal import Refusal
from protonats._serving.responses import no_response
from protonats._wire import headers, metadata, status
from protonats._wire.idempotency import FINAL, KeyedRequest, decode_answer, encode_answer
from protonats.errors import Code, StatusError
from protonats.metrics import Metrics
from protonats.server import CallContext

_logger = logging.getLogger("protonats")

_Handler: TypeAlias = Callable[[Any, CallContext], Any]

_FIRST_PAUSE: Final = 0.005
_LAST_PAUSE: Final = 0.1
_MARGIN: Final = 0.1
"""Seconds before its deadline at which a call that waits for another one gives up, so that its
caller hears of it; less where the deadline is near."""

MAX_ANSWER: Final = 256 * 1024
"""How many bytes an answer may have to be kept."""


class Replays:
    """What one instance does about idempotency keys."""

    def __init__(self, store: AnswerStore | None, metrics: Metrics) -> None:
        """
        Args:
            store: Where answers are kept; None where the service has no Redis.
            metrics: Where to count.
        """
        self.store = store
        self.metrics = metrics
        self._endings: set[asyncio.Task[Any]] = set()

    def applies_to(self, method: MethodInfo[Message, Message]) -> bool:
        """Whether a call of the method with an idempotency key may get the answer of another."""
        if method.kind is not MethodKind.UNARY:
            return False
        # Without side effects, running a call twice is as good as once.
        if method.idempotency_level is Idempotency.NO_SIDE_EFFECTS:
            return False
        return self.store is not None or method.idempotency is not None

    def wrap(self, handler: _Handler, method: MethodInfo[Message, Message]) -> _Handler:
        """The handler of a method, which is not begun for a call that was answered before."""
        return _Replayed(self, handler, method).serve if self.applies_to(method) else handler

    def begin_ending(self, ending: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs the last step of a call, which the end of the call does not cancel."""
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        return task

    async def settle(self) -> None:
        """Returns when the last steps of all calls are done."""
        if self._endings:
            await asyncio.wait(list(self._endings))


class _Replayed:
    """A handler, and the answers that it gave before."""

    def __init__(
        self, replays: Replays, handler: _Handler, method: MethodInfo[Message, Message]
    ) -> None:
        self._replays = replays
        self._handler = handler
        self._method = method
        self._info = method.idempotency or IdempotencyInfo()

    async def serve(self, request: Message, context: CallContext) -> Message:
        """Handles a call, or answers as before."""
        call, store = context._keyed, self._replays.store
        if call is None:
            return await self._handle(request, context)
        if store is None:
            # Trying again would not help, so it is no refusal.
            text = f"{self._method.name} was not begun: its service has no store of answers"
            reason = "the service has no store of answers: REDIS_URL is not set"
            error = StatusError(Code.FAILED_PRECONDITION, text)
            return await self._unprotected(request, context, error, reason)
        owner = secrets.token_hex(8)
        try:
            answer = await self._begin(store, call, owner, context)
        except StoreUnavailable as failure:
            text = (
                f"{self._method.name} was not begun: nothing can tell now whether a call with this"
                " idempotency key was answered before"
            )
            error = Refusal(Code.UNAVAILABLE, text)
            reason = f"the store of answers is away: {failure}"
            return await self._unprotected(request, context, error, reason)
        if answer is not None:
            return self._replay(answer, context)
        return await self._run(store, call, owner, request, context)

    async def _handle(self, request: Message, context: CallContext) -> Message:
        response: Message = await self._handler(request, context)
        if not isinstance(response, self._method.response):
            raise no_response(self._method, response)
        return response

    async def _unprotected(
        self, request: Message, context: CallContext, error: StatusError, reason: str
    ) -> Message:
        """Handles a call that may have been handled before, where the schema lets it.

        Raises:
            StatusError: `error`, where it does not.
        """
        metrics, method = self._replays.metrics, self._method
        metrics.idempotency_failed(method.key, "begin")
        if self._info.fail_open:
            return await self._handle(request, context)
        # The reason may name a host, and is nothing for callers.
        _logger.warning("%s was refused: %s", method.name, reason)
        metrics.server_refused(method.key, "idempotency")
        raise error

    async def _begin(
        self, store: AnswerStore, call: KeyedRequest, owner: str, context: CallContext
    ) -> bytes | None:
        """The answer of an earlier call; None if this one is to run now.

        Raises:
            StatusError: INVALID_ARGUMENT if the earlier call asked for something else, ABORTED if
                it has not ended before this one has to.
        """
        remaining = context.remaining()
        patience = None if remaining is None else remaining - min(_MARGIN, remaining / 10)
        loop = asyncio.get_running_loop()
        end = None if patience is None else loop.time() + patience
        pause = _FIRST_PAUSE
        while True:
            try:
                state, answer = await store.begin(call, owner, self._info.ttl)
            except BaseException:
                # It may have become a record all the same.
                self._replays.begin_ending(self._release(store, call, owner))
                raise
            if state is Begun.BEGUN:
                return None
            if state is Begun.DONE:
                return answer
            if state is Begun.DIFFERS:
                raise StatusError(
                    Code.INVALID_ARGUMENT,
                    f"a call of {self._method.name} with this idempotency key had another request",
                )
            if end is not None and loop.time() + pause >= end:
                raise StatusError(
                    Code.ABORTED,
                    f"a call of {self._method.name} with this idempotency key is still running",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LAST_PAUSE)

    def _replay(self, answer: bytes, context: CallContext) -> Message:
        lines, body = decode_answer(answer)
        self._replays.metrics.server_replayed(self._method.key)
        context._replayed = True
        if extra := metadata.read(lines):
            context.response_metadata.update(extra)
        if trailers := metadata.read_trailers(lines):
            context.trailers.update(trailers)
        if headers.ERROR_CODE in lines:
            raise status.decode(lines, body)
        return self._method.response.FromString(body)

    async def _run(
        self,
        store: AnswerStore,
        call: KeyedRequest,
        owner: str,
        request: Message,
        context: CallContext,
    ) -> Message:
        renewing = asyncio.create_task(self._renew(store, call, owner))
        answer: bytes | None = None
        try:
            response = await self._handle(request, context)
            answer = encode_answer(_extra(context), response.SerializeToString())
        except StatusError as error:
            # What another service says is not what this call is answered with.
            if error.code in FINAL and not error.method:
                lines, body = status.encode(error)
                answer = encode_answer({**_extra(context), **lines}, body)
            raise
        finally:
            renewing.cancel()
            # The record is made before the answer is sent, also when the deadline passes meanwhile.
            ending = (
                self._release(store, call, owner)
                if answer is None
                else self._finish(store, call, owner, answer)
            )
            await asyncio.shield(self._replays.begin_ending(ending))
        return response

    async def _renew(self, store: AnswerStore, call: KeyedRequest, owner: str) -> None:
        while True:
            await asyncio.sleep(store.renewal)
            # While the store is away, the lease may pass: nothing else can be done about it.
            with suppress(StoreUnavailable):
                if not await store.renew(call, owner, self._info.ttl):
                    self._tell_of_loss()
                    return

    async def _finish(
        self, store: AnswerStore, call: KeyedRequest, owner: str, answer: bytes
    ) -> None:
        if len(answer) > MAX_ANSWER:
            lines, body = status.encode(
                StatusError(
                    Code.FAILED_PRECONDITION,
                    f"{self._method.name} was called with this idempotency key before, and done;"
                    f" its answer of {len(answer)} bytes was too large to be kept",
                )
            )
            answer = encode_answer(lines, body)
        try:
            if not await store.finish(call, owner, answer, self._info.ttl):
                self._tell_of_loss()
        except StoreUnavailable as error:
            self._replays.metrics.idempotency_failed(self._method.key, "finish")
            _logger.warning(
                "the answer of %s was not kept, so a call with the same idempotency key may run"
                " again: %s",
                self._method.name,
                error,
            )

    async def _release(self, store: AnswerStore, call: KeyedRequest, owner: str) -> None:
        # What cannot be released now is when its lease has passed.
        with suppress(StoreUnavailable):
            await store.release(call, owner)

    def _tell_of_loss(self) -> None:
        self._replays.metrics.idempotency_failed(self._method.key, "lease")
        _logger.warning(
            "%s ran longer than its lease, which was not renewed in time: a call with the same"
            " idempotency key may have run meanwhile",
            self._method.name,
        )


def _extra(context: CallContext) -> dict[str, str]:
    """What the handler wants to travel with the answer."""
    return metadata.lines(context._response_metadata, context._trailers)
