"""Runs what a compose file says with podman, where there is no daemon to run it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.platform.images.base import Store

__all__ = ["Platform", "each"]

_PATIENCE = 240.0
_FIRST = 10
"""The last number of the address of the first container."""


def each(work: Callable[[str], object], names: Iterable[str]) -> None:
    """Does something for many containers, with as many at once as there are cores."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(work, names))


class Platform:
    """The containers of a compose file.

    Names are told to containers by their files with hosts: podman has no DNS without a plugin.

    Attributes:
        store: Where they run.
        containers: What the compose file says of them, by name.
    """

    def __init__(self, store: Store, compose: Mapping[str, Any], folder: Path) -> None:
        """
        Args:
            store: Where the images are.
            compose: The compose file.
            folder: Where it is.
        """
        self.store = store
        self.containers: Mapping[str, dict[str, Any]] = compose["services"]
        self._folder = folder
        self._addresses = {
            name: f"{store.subnet}.{_FIRST + number}" for number, name in enumerate(self.containers)
        }
        store.make_network()

    def up(self, *names: str) -> None:
        """Starts containers, each once what it waits for is so, and returns when all are well."""
        waiting = list(names)
        while waiting:
            ready = [name for name in waiting if not set(self._before(name)) & set(waiting)]
            assert ready, f"these wait for each other: {waiting}"
            for name in ready:
                self._await(self.containers[name].get("depends_on", {}))
            each(self.start, ready)
            waiting = [name for name in waiting if name not in ready]
        self.until_well(*(name for name in names if "healthcheck" in self.containers[name]))

    def start(self, name: str) -> None:
        """Starts a container."""
        self.store.podman("run", "--detach", f"--name={name}", *self._options(name))

    def run(self, name: str, *command: str, check: bool = True) -> str:
        """Runs a container with another command until it ends, and returns what it prints."""
        return self.store.podman("run", "--rm", *self._options(name, command), check=check)

    @property
    def hosts(self) -> list[str]:
        """Options that tell a container the addresses of all others."""
        return [f"--add-host={name}:{address}" for name, address in self._addresses.items()]

    def until_well(self, *names: str) -> None:
        """Returns when the health checks of containers say that they are well.

        Raises:
            AssertionError: One is not, in time, or ended; with what it said last.
        """
        end = time.monotonic() + _PATIENCE

        def wait(name: str) -> None:
            while self._told("healthcheck", "run", name):
                status = self.status(name)
                if status["Status"] != "running" or time.monotonic() > end:
                    raise AssertionError(f"{name} is not well: {status}\n{self.logs(name)}")
                time.sleep(0.1)

        each(wait, names)

    def stop(self, *names: str, seconds: int) -> dict[str, int]:
        """Stops containers by SIGTERM, and those by SIGKILL that are there after these seconds.

        Returns:
            How each ended: 0 is well, 137 by SIGKILL.
        """
        each(lambda name: self.store.podman("stop", f"--time={seconds}", name), names)
        return {name: int(self.status(name)["ExitCode"]) for name in names}

    def status(self, name: str) -> dict[str, Any]:
        """How a container is."""
        state: dict[str, Any] = json.loads(
            self.store.podman("inspect", "--format={{json .State}}", name)
        )
        return state

    def key(self, user: str, file: str) -> str:
        """What a user proves with who it is."""
        return Path(self._volume(f"{user}-keys"), file).read_text()

    def logs(self, name: str) -> str:
        """What a container has said last."""
        return self.store.podman("logs", "--tail=30", name, both=True)

    def _volume(self, name: str) -> str:
        return self.store.podman("volume", "inspect", "--format={{.Mountpoint}}", name)

    def _await(self, conditions: Mapping[str, Mapping[str, str]]) -> None:
        for name, condition in conditions.items():
            if condition["condition"] == "service_completed_successfully":
                code = self.store.podman("wait", name)
                assert code == "0", f"{name} ended with {code}:\n{self.logs(name)}"
            else:
                self.until_well(name)

    def _before(self, name: str) -> Iterable[str]:
        yield from self.containers[name].get("depends_on", ())

    def _told(self, *command: str) -> str:
        """Empty: it went well."""
        try:
            self.store.podman(*command)
        except AssertionError as error:
            return str(error)
        return ""

    def _options(self, name: str, command: tuple[str, ...] = ()) -> list[str]:
        one = self.containers[name]
        entrypoint = one.get("entrypoint", [])
        options = [
            *(f"--network={self.store.network}", f"--ip={self._addresses[name]}", *self.hosts),
            *(f"--user={one['user']}", "--read-only", "--read-only-tmpfs=false", "--init"),
            *(f"--cap-drop={capability}" for capability in one["cap_drop"]),
            *(f"--cap-add={capability}" for capability in one.get("cap_add", ())),
            *("--security-opt=no-new-privileges", f"--pids-limit={one['pids_limit']}"),
            *(f"--tmpfs={path}" for path in one.get("tmpfs", ())),
            *(f"--volume={self._mount(volume)}" for volume in one.get("volumes", ())),
            *([f"--memory={one['mem_limit']}"] if "mem_limit" in one else []),
        ]
        for variable, text in one.get("environment", {}).items():
            options.append(f"--env={variable}={text.replace('$$', '$')}")
        if "healthcheck" in one:
            # Debian's podman reads words here, and no JSON.
            options.append(f"--health-cmd={' '.join(one['healthcheck']['test'])}")
        if entrypoint:
            options.append(f"--entrypoint={json.dumps(entrypoint)}")
        return [*options, one["image"], *(command or one.get("command", ()))]

    def _mount(self, volume: str) -> str:
        source, _, rest = volume.partition(":")
        return f"{(self._folder / source).resolve() if source[0] == '.' else source}:{rest}"
