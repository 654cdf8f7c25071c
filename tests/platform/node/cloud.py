"""A cloud of one folder and one network namespace: bucket, authority, volumes, metadata."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.platform.tools import tool

__all__ = ["Cloud", "run"]

_GATEWAY = "10.99.0.1"
_METADATA = "169.254.169.254"


def run(*arguments: str, check: bool = True, **more: Any) -> str:
    """What a command prints; an AssertionError with what it printed where it fails."""
    done = subprocess.run(arguments, capture_output=True, text=True, **more)
    printed: str = done.stdout
    assert not check or done.returncode == 0, f"{arguments}: {printed}{done.stderr}"
    return printed


class Cloud:
    """What AWS is to the nodes. Close it when machines are gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace = f"nodes-{os.getpid()}-{os.urandom(3).hex()}"
        self._loops: list[str] = []
        self._metadata: subprocess.Popen[str] | None = None
        for name in ("bucket", "authority", "volumes", "machines"):
            (folder / name).mkdir(parents=True)
        self.fault()
        self._make_authority()

    def start(self) -> None:
        """Makes the network and starts the metadata service."""
        ip, space = tool("ip"), self.namespace
        run(ip, "netns", "add", space)
        run(ip, "-n", space, "link", "set", "lo", "up")
        run(ip, "-n", space, "link", "add", "br0", "type", "bridge")
        run(ip, "-n", space, "addr", "add", f"{_GATEWAY}/24", "dev", "br0")
        run(ip, "-n", space, "addr", "add", f"{_METADATA}/32", "dev", "br0")
        run(ip, "-n", space, "link", "set", "br0", "up")
        script = str(Path(__file__).parent / "stand_in" / "metadata.py")
        self._metadata = subprocess.Popen(
            [ip, "netns", "exec", space, sys.executable, script, str(self.folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._metadata.stdout
        assert self._metadata.stdout.readline() == "ready\n"

    def close(self) -> None:
        """Takes everything away again, whatever there is."""
        if self._metadata:
            self._metadata.kill()
            self._metadata.wait()
            assert self._metadata.stdout
            self._metadata.stdout.close()
        run(tool("ip"), "netns", "del", self.namespace, check=False)
        for loop in self._loops:
            run(tool("losetup"), "-d", loop, check=False)
        for image in self.folder.glob("*.image"):
            image.unlink()

    def join(self, space: str, address: str) -> None:
        """A network namespace for a machine, with a cable to the cloud's bridge."""
        ip, plug = tool("ip"), f"p{address.rpartition('.')[2]}"
        run(ip, "netns", "add", space)
        run(ip, "-n", space, "link", "set", "lo", "up")
        end = ("name", "eth0", "netns", space)
        run(ip, "-n", self.namespace, "link", "add", plug, "type", "veth", "peer", *end)
        run(ip, "-n", self.namespace, "link", "set", plug, "master", "br0", "up")
        run(ip, "-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
        run(ip, "-n", space, "link", "set", "eth0", "up")
        run(ip, "-n", space, "route", "add", "default", "via", _GATEWAY)

    def put(self, key: str, content: str | bytes | Path) -> None:
        """An object in the bucket; it appears whole."""
        new = self.folder / "new-object"
        if isinstance(content, Path):
            shutil.copyfile(content, new)
        else:
            new.write_bytes(content if isinstance(content, bytes) else content.encode())
        new.replace(self.folder / "bucket" / key)

    def remove(self, key: str) -> None:
        """Takes an object out of the bucket."""
        (self.folder / "bucket" / key).unlink()

    def fault(self, **operations: str) -> None:
        """From now on AWS refuses these operations, `{"[machine ]operation": "why"}`."""
        new = self.folder / "faults.new"
        new.write_text(json.dumps(operations))
        new.replace(self.folder / "faults.json")

    def make_volume(self, volume: str, size: int) -> str:
        """A blank volume, and the block device it is."""
        image = self.folder / f"{self.namespace}-{volume}.image"
        with image.open("wb") as file:
            file.truncate(size)
        loop = run(tool("losetup"), "--find", "--show", str(image)).strip()
        self._loops.append(loop)
        self._write_volume(volume, {"device": loop, "instance": None})
        return loop

    def device(self, volume: str) -> str:
        """The block device of a volume."""
        return str(self._read_volume(volume)["device"])

    def attach(self, volume: str, instance: str) -> None:
        """Gives a volume to an instance."""
        self._write_volume(volume, self._read_volume(volume) | {"instance": instance})

    def detach(self, instance: str) -> None:
        """What becomes of the volumes of an instance that ends."""
        for file in (self.folder / "volumes").iterdir():
            if (volume := self._read_volume(file.name))["instance"] == instance:
                self._write_volume(file.name, volume | {"instance": None})

    def calls(self) -> list[list[str]]:
        """The arguments of each call of the AWS command line so far."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.folder / "calls.jsonl").read_text().splitlines()
            return [json.loads(line) for line in lines]
        return []

    def sign(self, folder: Path, name: str) -> None:
        """A certificate of the authority for a client: NAME.pem and NAME.key in a folder."""
        openssl = tool("openssl")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        files = ("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr")
        run(openssl, "req", *curve, *files, "-subj", f"/CN={name}")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1")
        files = ("-in", f"{folder}/{name}.csr", "-out", f"{folder}/{name}.pem")
        run(openssl, "x509", "-req", *signing, *files, cwd=self.folder / "authority")

    @property
    def authority(self) -> Path:
        """The certificate of the private CA."""
        return self.folder / "authority" / "ca.pem"

    def _make_authority(self) -> None:
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        files = ("-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Private CA", "-days", "2")
        run(tool("openssl"), "req", "-x509", *curve, *files, cwd=self.folder / "authority")

    def _read_volume(self, volume: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.folder / "volumes" / volume).read_text())
        return value

    def _write_volume(self, volume: str, value: dict[str, Any]) -> None:
        (self.folder / "volumes" / volume).write_text(json.dumps(value))
