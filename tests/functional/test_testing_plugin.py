"""The fixtures that pytest finds where protonats is installed."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from protonats.testing import EmbeddedNats, EmbeddedRedis

REPOSITORY = Path(__file__).parents[2]
PLUGIN = "protonats.testing.pytest_plugin"

ASYNC = """
import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"

"""

ISOLATED = ASYNC + """
@pytest.mark.parametrize("number", range(3))
async def test_streams(number, protonats_connection):
    jetstream = protonats_connection.jetstream
    assert await jetstream.streams_info() == []
    await jetstream.add_stream(name=f"S{number}", subjects=["same.subject"])


@pytest.mark.parametrize("number", range(3))
async def test_keys(number, redis_server):
    from protonats.redis import connect_redis

    redis = await connect_redis(redis_server.url)
    assert await redis.dbsize() == 0
    await redis.set("key", number)
    await redis.aclose()
"""

STOPPED = ASYNC + """
pids = []


def test_that_kills(nats_server, redis_server):
    pids.extend([nats_server.pid, redis_server.pid])
    nats_server.kill()
    redis_server.kill()


def test_that_follows(nats_server, redis_server):
    assert not {nats_server.pid, redis_server.pid} & set(pids)
"""

CLOCKED = """
import asyncio

import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(protonats_clock):
    return protonats_clock.anyio_backend


async def test_hours(protonats_clock):
    sleeper = asyncio.create_task(asyncio.sleep(36_000))
    await protonats_clock.advance(36_000)
    assert sleeper.done()
"""


def command(folder: Path, text: str) -> list[str]:
    """A run of pytest on a file with this text."""
    file = folder / "test_it.py"
    file.write_text(text)
    return [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", PLUGIN, str(file)]


def environment(folder: Path) -> dict[str, str]:
    """Variables that let the run find what this one has."""
    path = os.pathsep.join(path for path in sys.path if path)
    return {"PYTHONPATH": path, "TMPDIR": str(folder), "PATH": os.environ["PATH"]}


@pytest.mark.parametrize(
    ("text", "passed"),
    [(ISOLATED, 6), (STOPPED, 2), (CLOCKED, 1)],
    ids=["isolated", "stopped", "clocked"],
)
def test_the_fixtures_work(tmp_path: Path, text: str, passed: int) -> None:
    result = subprocess.run(
        command(tmp_path, text),
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{passed} passed" in result.stdout
    # Nothing is left behind: no server, and no folder of one.
    assert not list(tmp_path.glob("protonats-*"))


def test_pytest_finds_the_plugin_by_the_name_of_its_module() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}


def test_the_plugin_costs_a_run_nothing() -> None:
    forbidden = ["nats", "redis", "google.protobuf", "protonats.connection"]
    code = f"import {PLUGIN}, sys\nprint(*set({forbidden}) & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs PR_SET_PDEATHSIG")
def test_the_servers_die_with_a_run_that_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = (
        "import time\n"
        "def test_for_ever(nats_server, redis_server):\n"
        f"    open({str(pids)!r}, 'w').write(f'{{nats_server.pid}} {{redis_server.pid}}.')\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(
        command(tmp_path, text),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    ) as run:
        _until(lambda: pids.exists() and pids.read_text().endswith("."))
        servers = [int(pid) for pid in pids.read_text().rstrip(".").split()]
        assert all(map(_alive, servers))
        run.send_signal(signal.SIGKILL)
    assert len(servers) == 2
    _until(lambda: not any(map(_alive, servers)))


@pytest.mark.parametrize("kind", [EmbeddedNats, EmbeddedRedis])
def test_a_server_starts_in_under_a_fifth_of_a_second(
    kind: type[EmbeddedNats | EmbeddedRedis],
) -> None:
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        with kind():
            seconds.append(time.perf_counter() - begin)
    print(f"{kind.__name__} starts in {statistics.median(seconds) * 1000:.0f} ms, the median")
    # Other processes may take the machine for a while, and make nothing faster.
    assert min(seconds) < 0.2


def _until(condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
