"""What is said to who forgets `await`."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, Never, TypeVar

ResultT = TypeVar("ResultT")


class Connecting(Coroutine[Any, Any, ResultT]):
    """A coroutine that tells who takes it for what it returns."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, ResultT]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, ResultT]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    async def __aenter__(self) -> Never:
        self.close()
        raise TypeError("write `async with await protonats.connect(…) as connection`")

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        raise AssertionError("it cannot be entered")
