"""Where processes spend their time: stacks that py-spy takes of them while they work."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.processes import WorkerError, processor_times

__all__ = ["Profile", "profiled", "read"]

_SAMPLES_A_SECOND: Final = 250
_LONGEST: Final = 120
_STARTED: Final = b"Sampling process"

_PYTHON: Final = re.compile(r"(?P<name>.+) \((?P<file>[^()]+\.pyx?):\d+\)")
_THREAD: Final = "_bootstrap (threading.py"
_WAITING: Final = re.compile(r"epoll_p?wait|select|poll|kevent")
_SYSTEM_CALL: Final = re.compile(
    r"(read|readv|recv|recvmsg|write|writev|send|sendmsg|epoll_ctl|mmap|munmap|madvise) \("
)
_LOOP: Final = "asyncio/runners.py"
_ORDERS: Final = "(bench/worker.py)"
"""Where a process takes its orders, and collects garbage before it obeys."""
_KINDS: Final[Mapping[str, re.Pattern[str]]] = {
    "protobuf": re.compile(r"_message\.|google/"),
    "event loop": re.compile(r"\((loop|core|linux|stream|queue|tcp|loop-watcher)\.[ch]:|uvloop"),
    "C library (copies, memory)": re.compile(r"\(libc[.-]"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What a process did while it was looked at."""

    process: str
    """Which one: `client` or `server`."""

    samples: int
    """How many stacks were taken while it worked."""

    system: float
    """The share of its processor time that the kernel took for it, of 1."""

    functions: Mapping[str, float]
    """The share of each function of Python itself, with the C that it calls, of 1; most first."""

    kinds: Mapping[str, float]
    """The share of each kind of code, of 1; most first."""


@contextmanager
def profiled(folder: Path, pids: Mapping[str, int]) -> Iterator[list[Profile]]:
    """Looks at processes while the context lasts; then the list holds one profile of each.

    Args:
        folder: Where the stacks are kept.
        pids: The processes, by what they are called.

    Raises:
        WorkerError: py-spy may not look into them; the text says what it said.
    """
    found: list[Profile] = []
    with ExitStack() as running:
        stacks = {
            name: running.enter_context(_recorded(pid, folder / f"{name}.stacks"))
            for name, pid in pids.items()
        }
        before = {name: processor_times(pid) for name, pid in pids.items()}
        yield found
        after = {name: processor_times(pid) for name, pid in pids.items()}
    for name, path in stacks.items():
        user, system = (end - begin for begin, end in zip(before[name], after[name], strict=True))
        lines = path.read_text(encoding="utf-8").splitlines()
        found.append(read(name, lines, system / ((user + system) or 1.0)))


@contextmanager
def _recorded(pid: int, path: Path) -> Iterator[Path]:
    program = str(Path(sys.executable).with_name("py-spy"))
    command = [program, "record", "--native", "--format", "raw"]
    limits = ["--rate", str(_SAMPLES_A_SECOND), "--duration", str(_LONGEST)]
    recorder = subprocess.Popen(
        [*command, *limits, "--pid", str(pid), "--output", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert recorder.stdout is not None
    said = b""
    with recorder:
        for line in recorder.stdout:
            said += line
            if _STARTED in line:
                break
        # It goes on to write, and must not wait for a reader.
        rest = threading.Thread(target=recorder.stdout.read)
        rest.start()
        try:
            if _STARTED not in said:
                raise WorkerError(f"py-spy cannot look at process {pid}: {said.decode().strip()}")
            yield path
        finally:
            if recorder.poll() is None:
                os.kill(recorder.pid, signal.SIGINT)
            recorder.wait()
            rest.join()


def read(process: str, stacks: Sequence[str], system: float) -> Profile:
    """What stacks say, each with the number of its samples behind it; see `Profile`."""
    functions: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        # Its other threads wait, and so does the event loop while nothing happens.
        if _WAITING.match(frames[-1]) or any(_THREAD in frame for frame in frames):
            continue
        function = _function(frames)
        if function.endswith(_ORDERS):
            continue
        functions[function] += int(count)
        kinds[_kind(frames)] += int(count)
    return Profile(
        process=process,
        samples=functions.total(),
        system=system,
        functions=_shares(functions),
        kinds=_shares(kinds),
    )


def _shares(counts: Counter[str]) -> Mapping[str, float]:
    return {name: count / counts.total() for name, count in counts.most_common()}


def _function(frames: Sequence[str]) -> str:
    """The innermost function of Python, in which all time of C counts that it calls."""
    for frame in reversed(frames):
        if found := _PYTHON.fullmatch(frame):
            file = found["file"]
            return "event loop" if file == _LOOP else f"{found['name']} ({file})"
    return "interpreter"


def _kind(frames: Sequence[str]) -> str:
    if _SYSTEM_CALL.match(frames[-1]):
        return "system calls"
    for frame in reversed(frames):
        if _PYTHON.fullmatch(frame):
            break
        for kind, pattern in _KINDS.items():
            if pattern.search(frame):
                return kind
    return "Python"
