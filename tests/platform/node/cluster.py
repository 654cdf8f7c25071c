"""Three nodes that run the generated configuration, and users that log in to them."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import json
import os
import re
import ssl
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import nats
import nkeys
from nats.aio.client import Client

from tests.platform.node.cloud import Cloud
from tests.platform.node.machines import Machine
from tests.platform.node.rendering import UserData, render
from tests.platform.node.sweeping import sweep
from tests.platform.tools import ROOT, tool

__all__ = ["Cluster", "make_keys", "variables"]

_GENERATED = ROOT / "generated" / "deploy"
_CLONE_NEWNET = 0x40000000
_VOLUME_SIZE = 256 << 20

T = TypeVar("T")


def variables(number: int, volume: str, server: Path) -> dict[str, Any]:
    """What Terraform tells a node."""
    return {
        "server_name": f"nats-{number}",
        "region": "eu-central-1",
        "volume_id": volume,
        "bucket": "configuration",
        "server_object": "nats-server",
        "server_sha256": hashlib.sha256(server.read_bytes()).hexdigest(),
        "certificate_authority_arn": "arn:aws:acm-pca:eu-central-1::certificate-authority/1",
        "signing_algorithm": "SHA256WITHECDSA",
        "certificate_days": 90,
        "renew_before_days": 30,
        "dns_names": ["nats.internal"],
    }


def make_keys() -> tuple[str, dict[str, str]]:
    """A keys.conf with a key for each user, and their seeds by name."""
    accounts = (_GENERATED / "dev" / "nats" / "accounts.conf").read_text()
    lines, seeds = [], {}
    for name in sorted(set(re.findall(r"\$((?:NEXT_)?NKEY_\w+)", accounts))):
        seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
        public: Any = nkeys.from_seed(bytearray(seed)).public_key
        seeds[name.removeprefix("NKEY_").lower()] = seed.decode()
        lines.append(f"{name}: {public.decode()}\n")
    return "".join(lines), seeds


class Cluster:
    """The nodes, by name. What is replaced keeps its name and address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cloud = Cloud(folder / "cloud")
        self.machines: dict[str, Machine] = {}
        self.addresses = {f"nats-{number}": f"10.99.0.1{number}" for number in (1, 2, 3)}
        self.seeds: dict[str, str] = {}
        self._instances = 0
        self._server = Path(tool("nats-server"))

    def start(self) -> None:
        """Makes the cloud and fills its bucket, but for keys.conf."""
        sweep()
        self.cloud.start()
        self.cloud.sign(self.folder, "client")
        self.cloud.put("nats-server", self._server)
        for name in ("nats.conf", "accounts.conf"):
            self.cloud.put(name, _GENERATED / "dev" / "nats" / name)
        routes = [f"nats-route://{address}:6222" for address in self.addresses.values()]
        self.cloud.put("routes.conf", f"routes: {json.dumps(routes)}\n")

    def close(self) -> None:
        """Ends everything."""
        for machine in self.machines.values():
            machine.end()
        self.cloud.close()

    def publish_keys(self) -> None:
        """Makes a key for each user, and publishes keys.conf."""
        keys, self.seeds = make_keys()
        self.cloud.put("keys.conf", keys)

    def render(self, volumes: dict[int, str]) -> dict[str, UserData]:
        """The user data of nodes by name, given their volumes by number."""
        folder = self.folder / f"terraform-{os.urandom(4).hex()}"
        nodes = {f"nats-{n}": variables(n, volume, self._server) for n, volume in volumes.items()}
        return render(folder, nodes)

    def boot(self, number: int, data: UserData) -> Machine:
        """A new machine for a node; the one before has to be gone."""
        self._instances += 1
        name = f"nats-{number}"
        machine = Machine(
            self.cloud,
            name,
            instance=f"i-{self._instances:04}",
            address=self.addresses[name],
            zone=f"eu-central-1{'abc'[number - 1]}",
            data=data,
        )
        self.machines[name] = machine
        machine.boot()
        return machine

    def make_volume(self, volume: str) -> None:
        """A blank data volume."""
        self.cloud.make_volume(volume, _VOLUME_SIZE)

    async def connect(self, user: str, *nodes: str, **options: Any) -> Client:
        """A connection of a user to any of these nodes, to any node where none is named."""
        context = ssl.create_default_context(cafile=str(self.cloud.authority))
        context.load_cert_chain(self.folder / "client.pem", self.folder / "client.key")
        return await nats.connect(
            [f"tls://{self.addresses[name]}:4222" for name in nodes or self.addresses],
            tls=context,
            nkeys_seed_str=self.seeds[user],
            inbox_prefix=f"_INBOX.{user}".encode(),
            **options,
        )

    def begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Starts something in the network of the nodes."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                with Path(f"/run/netns/{self.cloud.namespace}").open() as space:
                    libc = ctypes.CDLL(None, use_errno=True)
                    if libc.setns(space.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                future.set_result(asyncio.run(work()))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future

    def do(self, work: Callable[[], Coroutine[Any, Any, T]], seconds: float = 60) -> T:
        """Does something in the network of the nodes."""
        return self.begin(work).result(seconds)
