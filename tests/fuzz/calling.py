"""Calls the methods of all services below a folder, and publishes their events; tells how many."""

from __future__ import annotations

import asyncio
import importlib
import sys
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf.message import Message

from protoc_gen_nats.naming import publisher_name
from protonats.testing import LocalPlatform


def filled(cls: type[Message]) -> Message | None:
    """A message with what it requires, or None if it requires itself."""
    message = cls()
    return message if fill(message, 5) else None


def fill(message: Message, depth: int) -> bool:
    for field in message.DESCRIPTOR.fields:
        if field.is_required and field.message_type:
            inner = getattr(message, field.name)
            inner.SetInParent()
            if depth == 0 or not fill(inner, depth - 1):
                return False
        elif field.is_required:
            setattr(message, field.name, field.default_value)
    return True


def implementation(server: type[Any]) -> type[Any]:
    """A server whose methods answer with messages of their types."""

    def unary(info: Any) -> Any:
        async def answer(self: object, request: Message, context: object) -> Message | None:
            assert type(request) is info.request
            return filled(info.response)

        return answer

    def server_stream(info: Any) -> Any:
        async def answer(self: object, request: Message, context: object) -> AsyncIterator[Any]:
            assert type(request) is info.request
            yield filled(info.response)

        return answer

    def client_stream(info: Any) -> Any:
        async def answer(self: object, requests: Any, context: object) -> Message | None:
            assert [type(one) async for one in requests] == [info.request]
            return filled(info.response)

        return answer

    def bidi_stream(info: Any) -> Any:
        async def answer(self: object, requests: Any, context: object) -> AsyncIterator[Any]:
            async for request in requests:
                assert type(request) is info.request
                yield filled(info.response)

        return answer

    kinds = [unary, server_stream, client_stream, bidi_stream]
    made = {kind.__name__: kind for kind in kinds}
    methods = server.__protonats__.methods
    members = {info.python_name: made[info.kind.value](info) for info in methods}
    return type("Implementation", (server,), members)


async def once(message: Message) -> AsyncIterator[Message]:
    yield message


async def call_all(server: type[Any], client: type[Any]) -> int:
    """Calls each method once; gives how many there are."""
    calls = 0
    async with LocalPlatform(implementation(server)()) as platform:
        caller = client(platform.connection)
        for info in server.__protonats__.methods:
            request, response = filled(info.request), filled(info.response)
            if request is None or response is None:
                continue
            method = getattr(caller, info.python_name)
            kind = info.kind.value
            answer = method(once(request) if kind in ("client_stream", "bidi_stream") else request)
            if kind in ("server_stream", "bidi_stream"):
                assert [one async for one in answer] == [response]
            else:
                assert await answer == response
            calls += 1
    return calls


async def publish_all(events: type[Any], publisher: type[Any]) -> int:
    """Publishes each event once; gives how many there are."""
    published = 0
    async with LocalPlatform() as platform:
        for name, info in vars(events).items():
            if name.startswith("__") or (event := filled(info.message)) is None:
                continue
            publish = getattr(publisher(platform.connection), publisher_name(event.DESCRIPTOR.name))
            await publish(event)
            published += 1
    return published


async def use(module: ModuleType) -> tuple[int, int]:
    """Uses all services of a module."""
    calls = events = 0
    for name, found in vars(module).copy().items():
        if name.endswith("Server") and hasattr(found, "__protonats__"):
            stem = name.removesuffix("Server")
            calls += await call_all(found, getattr(module, f"{stem}Client"))
            if publisher := getattr(module, f"{stem}Publisher", None):
                events += await publish_all(getattr(module, f"{stem}Events"), publisher)
    return calls, events


async def main(modules: list[str]) -> None:
    """Uses the services of all modules."""
    totals = [0, 0]
    for name in modules:
        used = await use(importlib.import_module(name))
        totals = [a + b for a, b in zip(totals, used, strict=True)]
    print(*totals)


if __name__ == "__main__":
    warnings.simplefilter("error")
    folder = Path(sys.argv[1])
    sys.path.insert(0, str(folder))
    paths = sorted(folder.rglob("*_nats.py"))
    asyncio.run(main([".".join(path.relative_to(folder).with_suffix("").parts) for path in paths]))
