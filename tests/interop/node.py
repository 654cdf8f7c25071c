"""The Node program of this folder: its packages, and a process of it that a test drives."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from google.protobuf import any_pb2, duration_pb2, struct_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import error_details_pb2, status_pb2

from tests.node_packages import NODE, install_program

HERE: Final = Path(__file__).resolve().parent
FILES: Final = (any_pb2, duration_pb2, struct_pb2, wrappers_pb2, error_details_pb2, status_pb2)


def install(program: Path) -> Path:
    """Copies the program into a folder, with its packages. Returns the program's main file."""
    install_program(HERE, program)
    return program / "main.mjs"


def write_schemas(file: Path) -> None:
    """Writes the descriptors of the messages that the program speaks."""
    schemas = FileDescriptorSet()
    for module in FILES:
        module.DESCRIPTOR.CopyToProto(schemas.file.add())
    file.write_bytes(schemas.SerializeToString())


class NodeError(Exception):
    """A command that failed with a status."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        super().__init__(f"{status['code']}: {status['message']}")
        self.code: int = status["code"]
        self.message: str = status["message"]
        self.details: list[dict[str, Any]] = status["details"]
        self.trailers: dict[str, str] = status["trailers"]
        self.unhandled: bool = status["unhandled"]


class Node:
    """A running program; make it with `node`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def do(self, command: str, **arguments: Any) -> Any:
        """Runs a command of `main.mjs`, and returns its result."""
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        line = json.dumps({"id": number, "do": command, **arguments})
        self._process.stdin.write(line.encode() + b"\n")
        return await answer

    async def read(self) -> None:
        """Hands answers to those who wait, until the program ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            answer = json.loads(line)
            waiting = self._waiting.pop(answer["id"])
            if "error" in answer:
                waiting.set_exception(NodeError(answer["error"]))
            else:
                waiting.set_result(answer["result"])
        for waiting in self._waiting.values():
            waiting.set_exception(AssertionError("the Node program has ended"))


@asynccontextmanager
async def node(main: Path, url: str) -> AsyncIterator[Node]:
    """Runs the program, connected to a server."""
    schemas = main.with_name("schemas.binpb")
    process = await asyncio.create_subprocess_exec(
        NODE,
        main,
        url,
        schemas,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
        env={"PATH": os.environ["PATH"]},
    )
    program = Node(process)
    reading = asyncio.create_task(program.read())
    try:
        yield program
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(10):
            assert await process.wait() == 0
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading
