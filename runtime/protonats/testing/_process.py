"""Child processes that a test can rely on to be gone when it is."""

from __future__ import annotations

import atexit
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Sets PR_SET_PDEATHSIG and becomes the program: the kernel then kills it when the thread that
# started it ends, however that happens. `os.getppid()` covers a parent that died before the call.
_SHIM = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class ChildProcess:
    """One running program, its output in a file."""

    def __init__(self, arguments: Sequence[str], *, log: Path) -> None:
        """Starts `arguments[0]`, which has to be a path.

        Raises:
            OSError: The program cannot be started.
        """
        self._log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                bound_command(arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._popen.poll() is None

    @property
    def output(self) -> str:
        """The last lines that it wrote, for the text of an error."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])

    def stop(self, grace: float = 5.0) -> None:
        """Asks the process to end with SIGTERM, and kills it after `grace` seconds."""
        if self.running:
            self._popen.terminate()
            try:
                self._popen.wait(grace)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self._reap()

    def kill(self) -> None:
        """Ends the process with SIGKILL, as a crash would."""
        if self.running:
            self._popen.kill()
        self._reap()

    def _reap(self) -> None:
        self._popen.wait()
        atexit.unregister(self.kill)


def bound_command(arguments: Sequence[str]) -> list[str]:
    """What starts `arguments` so that it ends with this process, where the kernel can promise that:
    on Linux."""
    if not sys.platform.startswith("linux"):
        return list(arguments)
    import os

    return [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid()), *arguments]
