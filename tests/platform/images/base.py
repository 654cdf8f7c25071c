"""Builds images and runs containers without a daemon, in a store of their own that is gone
afterwards; and the base image, made of Debian packages."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.platform.tools import ROOT, tool

__all__ = ["CACHE", "Store", "base_image", "base_tar"]

CACHE = ROOT / ".cache" / "platform"
"""What is kept between runs."""

_SUITE = "bookworm"
_PACKAGES = ("ca-certificates", "libstdc++6", "python-is-python3", "python3", "python3-venv")
"""What the programs of a `python:3.11-slim` image come from."""

_HOOKS = (
    # As in the images of python.org: pip for those who build, and no bytecode.
    'chroot "$1" python3 -m zipfile -e "$(cd "$1" && ls -d "$PWD"/usr/share/python-wheels/pip-*.whl'
    ' | sed "s,^$1,,")" /usr/lib/python3/dist-packages',
    'find "$1/usr/lib/python3" "$1/usr/lib/python3.11" -name "*.pyc" -delete',
)
_LEFT_OVER = "protonats-containers-"

_MEMORY = Path("/dev/shm")
_ROOM = 8 << 30
"""Bytes in memory that images and containers get, where there is twice as much of it."""


class Store:
    """Images and containers, apart from all others of this machine.

    Attributes:
        folder: Where they are.
        environment: With these variables, podman and buildah work on it, and so do programs that
            call them.
        network: The name of a bridge network between its containers.
    """

    def __init__(self) -> None:
        _sweep()
        self.folder = _place() / f"{_LEFT_OVER}{os.getpid()}"
        self.folder.mkdir()
        # Health checks are run by those who ask for them, and by no timer.
        self.environment = {
            **os.environ,
            **_configured(self.folder),
            "DISABLE_HC_SYSTEMD": "true",
        }
        self.network = "services"
        self.subnet = f"10.213.{os.getpid() % 250}"

    def podman(
        self, *arguments: str, check: bool = True, input: str = "", both: bool = False
    ) -> str:
        """What podman prints.

        Args:
            arguments: Its arguments.
            check: Whether it must not fail.
            input: What it reads.
            both: Whether what it prints as errors counts too.

        Raises:
            AssertionError: It fails; with what it says.
        """
        return self._run([tool("podman"), *arguments], check=check, input=input, both=both)

    def inspect(self, image: str) -> dict[str, Any]:
        """What podman knows of an image."""
        found: list[dict[str, Any]] = json.loads(self.podman("image", "inspect", image))
        return found[0]

    def build(self, dockerfile: Path, tag: str, context: Path, *options: str) -> str:
        """Builds an image, as `docker build` does, and returns what the build says.

        Raises:
            AssertionError: A step fails; with what it says.
        """
        command = [tool("buildah"), "build", "--isolation=chroot", "--format=docker"]
        command += ["--pull-never", f"--file={dockerfile}", f"--tag={tag}", *options, str(context)]
        return self._run(command, both=True)

    def make_network(self) -> None:
        """Makes the network, which leads nowhere else."""
        subnet = f"{self.subnet}.0/24"
        self.podman(
            *("network", "create", "--disable-dns", "--internal"),
            f"--subnet={subnet}",
            self.network,
        )

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The files of an image."""
        path = Path(self.podman("image", "mount", image).split()[-1])
        try:
            yield path
        finally:
            self.podman("image", "unmount", image)

    def close(self) -> None:
        """Ends and removes everything."""
        _remove(self.folder)

    def _run(
        self, command: Sequence[str], *, check: bool = True, input: str = "", both: bool = False
    ) -> str:
        result = subprocess.run(
            command,
            env=self.environment,
            input=input,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and result.returncode:
            raise AssertionError(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
        return (result.stdout + (result.stderr if both else "")).strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def base_image(store: Store, name: str) -> None:
    """Puts the base image into a store, under the name that the Dockerfiles know it by."""
    store.podman("import", "--quiet", str(base_tar()), name)


def base_tar() -> Path:
    """The files of the base image: made of Debian packages the first time, then kept."""
    recipe = json.dumps([_SUITE, *_PACKAGES, *_HOOKS])
    tar = CACHE / f"base-{sha256(recipe.encode()).hexdigest()[:16]}.tar"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tar.exists():
            for old in CACHE.glob("base-*.tar"):
                old.unlink()
            made = tar.with_suffix(".part")
            command = [tool("mmdebstrap"), "--quiet", "--variant=essential", "--format=tar"]
            command += [f"--include={','.join(_PACKAGES)}", '--aptopt=Acquire::Languages "none"']
            command += [f"--customize-hook={hook}" for hook in _HOOKS]
            # Without a mirror's address, packages come from where this machine has its own from.
            result = subprocess.run(
                [*command, _SUITE, str(made)], capture_output=True, text=True, check=False
            )
            assert result.returncode == 0, result.stderr
            made.rename(tar)
    return tar


def _configured(folder: Path) -> dict[str, str]:
    """Settings that name nothing outside of the folder."""
    containers: dict[str, dict[str, Any]] = {
        "containers": {"default_ulimits": ["nofile=1024:4096", "nproc=4096:4096"]},
        "engine": {
            "cgroup_manager": "cgroupfs",
            "events_logger": "none",
            "lock_type": "file",
            "runtime": "runc",
            "tmp_dir": f"{folder}/tmp",
        },
        "network": {"network_config_dir": f"{folder}/networks"},
    }
    storage: dict[str, dict[str, Any]] = {
        "storage": {"driver": "overlay", "graphroot": f"{folder}/store", "runroot": f"{folder}/run"}
    }
    variables = {}
    for name, value in (("CONTAINERS_CONF", containers), ("CONTAINERS_STORAGE_CONF", storage)):
        path = folder / f"{name.lower()}.toml"
        lines = []
        for table, entries in value.items():
            lines += [f"[{table}]", *(f"{key} = {json.dumps(one)}" for key, one in entries.items())]
        path.write_text("\n".join(lines) + "\n")
        variables[name] = str(path)
    (folder / "networks").mkdir()
    return variables


def _place() -> Path:
    """Where the files of images and containers are: in memory, where there is plenty. A disk that
    has to write a gigabyte of images stops servers which wait for it to keep a vote."""
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(lines["MemAvailable"].split()[0]) * 1024
    if _MEMORY.is_mount() and min(shutil.disk_usage(_MEMORY).free, available) > 2 * _ROOM:
        return _MEMORY
    CACHE.mkdir(parents=True, exist_ok=True)
    return CACHE


def _sweep() -> None:
    """Removes what killed runs have left."""
    for folder in (*CACHE.glob(f"{_LEFT_OVER}*"), *_MEMORY.glob(f"{_LEFT_OVER}*")):
        if not Path("/proc", folder.name.removeprefix(_LEFT_OVER), "exe").exists():
            _remove(folder)


def _remove(folder: Path) -> None:
    environment = {**os.environ}
    for name in ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"):
        environment[name] = str(folder / f"{name.lower()}.toml")
    for command in (
        ("rm", "--all", "--force", "--time=0"),
        ("network", "prune", "--force"),
        ("image", "unmount", "--all", "--force"),
    ):
        subprocess.run(
            [tool("podman"), *command], env=environment, capture_output=True, check=False
        )
    for line in reversed(Path("/proc/mounts").read_text().splitlines()):
        mount = line.split()[1]
        if mount.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)
