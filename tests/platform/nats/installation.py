"""Nodes that run the generated configuration on this machine, with keys and certificates that the
command line's own code makes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

from protoc_gen_nats.access import Account, accounts_of
from protoc_gen_nats.certificates.issuing import Issuer, Wanted
from protoc_gen_nats.certificates.local import LocalAuthority
from protoc_gen_nats.environments import CertificateSettings
from protoc_gen_nats.keys.folder import FolderStore
from protoc_gen_nats.keys.jwt_login import JwtLogin
from protoc_gen_nats.keys.logins import Login
from protoc_gen_nats.keys.nkey_login import NkeyLogin
from protoc_gen_nats.keys.places import node as node_holder
from protoc_gen_nats.keys.tokens import seed_of, token_of
from protoc_gen_nats.project.project import Project
from protoc_gen_nats.targets.nats.configuration import nats_conf
from protonats import provision
from protonats.connection import connect
from protonats.settings import ConnectionSettings
from protonats.testing._process import ChildProcess
from tests.platform.tools import ROOT, tool

__all__ = [
    "GENERATED",
    "PLAN",
    "Installation",
    "Node",
    "accounts",
    "changed",
    "provision_as_deployer",
    "until",
]

GENERATED = ROOT / "generated" / "deploy"

PLAN: Mapping[str, Any] = json.loads((GENERATED / "nats" / "jetstream.json").read_text())
"""The streams, consumers and buckets of the platform."""

HOST = Wanted(holder=node_holder("host"), names=("127.0.0.1",))
"""Whose certificate all servers and clients have: this machine."""

_CERTIFICATES = ("ca.pem", "cert.pem", "key.pem")
_ZONES = ("a", "b", "c", "a", "b")
_PATIENCE = 90.0


def accounts() -> list[dict[str, Any]]:
    """The accounts of the platform, as generated."""
    value = json.loads((GENERATED / "nats" / "accounts.json").read_text())
    return list(value["accounts"])


def until(condition: Callable[[], object], what: str, patience: float = _PATIENCE) -> None:
    """Returns when a condition holds.

    Raises:
        AssertionError: It does not hold in time.
    """
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"not within {patience:g} s: {what}"
        time.sleep(0.01)


async def provision_as_deployer(installation: Installation, *, replicas: int) -> None:
    """Makes all that the platform plans in JetStream; a second time there is nothing to do."""
    async with await connect(installation.settings("deployer")) as connection:
        for done in ("created", "unchanged"):
            changes = await provision.apply(connection.jetstream, PLAN, replicas=replicas)
            assert {change.action for change in changes} == {done}


@dataclass(kw_only=True)
class Node:
    """One server."""

    name: str
    folder: Path
    """Where its configuration is."""

    variables: dict[str, str]
    port: int
    http: int
    process: ChildProcess | None = field(default=None)

    @property
    def log(self) -> Path:
        """What it says."""
        return Path(self.variables["NATS_STORE_DIR"]).with_suffix(".log")

    def start(self) -> None:
        """Starts it."""
        self.process = ChildProcess(
            [
                shutil.which("env") or "/usr/bin/env",
                "-i",
                *(f"{name}={value}" for name, value in self.variables.items()),
                tool("nats-server"),
                "-c",
                str(self.folder / "nats.conf"),
            ],
            log=self.log,
        )

    def reload(self) -> None:
        """Has it read its configuration again, and returns when it has."""
        assert self.process is not None
        done = self.told("varz")["config_load_time"]
        os.kill(self.process.pid, signal.SIGHUP)
        until(lambda: self.told("varz")["config_load_time"] != done, "it has read it again")

    def kill(self) -> None:
        """Kills it, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    def told(self, path: str) -> dict[str, Any]:
        """What it says of itself under a path of its monitoring address."""
        with urlopen(f"http://127.0.0.1:{self.http}/{path}", timeout=5) as answer:
            value: dict[str, Any] = json.load(answer)
        return value

    def is_healthy(self) -> bool:
        """Whether it serves clients, and JetStream with all that it knows."""
        try:
            return bool(self.told("healthz").get("status") == "ok")
        except OSError:
            if self.process is not None and not self.process.running:
                raise AssertionError(f"{self.name} ended:\n{self.process.output}") from None
            return False

    def checked(self) -> subprocess.CompletedProcess[str]:
        """What `nats-server -t` says to its configuration."""
        command = [tool("nats-server"), "-t", "-c", str(self.folder / "nats.conf")]
        return subprocess.run(command, env=self.variables, capture_output=True, text=True)


class Installation:
    """A folder as each node has it: configuration, keys, certificates; and the nodes.

    Attributes:
        folder: Where the configuration is: files in it may be changed before the start.
        keys: Where keys and certificates are, as `protonats keys` and `protonats certs` keep them.
        login: What makes and rotates the keys there; `take_keys` takes what it did.
        issuer: What makes and renews the certificates there; `take_certificates` takes what it did.
        seeds: The seed of each user, by name.
        tokens: The token of each user where users have one.
        ca: The certificate of the authority.
        cert: A certificate for this machine that is good for servers and clients.
        key: Its key.
        nodes: The servers.
    """

    def __init__(
        self,
        folder: Path,
        *,
        environment: str = "production",
        nodes: int = 1,
        login: str = "nkeys",
    ) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.seeds: dict[str, bytes] = {}
        self.tokens: dict[str, str] = {}
        store = FolderStore(self.keys)
        if login == "nkeys":
            for name in ("nats.conf", "accounts.conf"):
                shutil.copy(GENERATED / environment / "nats" / name, folder / name)
            self.login: Login = NkeyLogin(store, _accounts(), now)
        else:
            (folder / "nats.conf").write_bytes(_nats_conf(environment, login))
            self.login = JwtLogin(store, _accounts(), now, name="platform", system_account="SYS")
        self.login.create()
        self.take_keys()
        authority = LocalAuthority(self.keys / "ca")
        authority.make("platform", now())
        self.issuer = Issuer(store, authority, CertificateSettings(), now)
        self.issuer.create([HOST])
        self.ca, self.cert, self.key = (folder / name for name in _CERTIFICATES)
        self.take_certificates()
        ports = free_ports(3 * nodes)
        routes = ", ".join(f'"nats-route://127.0.0.1:{port}"' for port in ports[:nodes])
        (folder / "routes.conf").write_text(f"routes: [{routes if nodes > 1 else ''}]\n")
        self.nodes = [
            Node(
                name=f"nats-{number + 1}",
                folder=folder,
                variables={
                    "NATS_SERVER_NAME": f"nats-{number + 1}",
                    "NATS_SERVER_TAG": f"az:zone-{_ZONES[number]}",
                    "NATS_LISTEN": f"127.0.0.1:{ports[nodes + number]}",
                    "NATS_HTTP": f"127.0.0.1:{ports[2 * nodes + number]}",
                    "NATS_CLUSTER_LISTEN": f"127.0.0.1:{ports[number]}",
                    "NATS_CLUSTER_ADVERTISE": f"127.0.0.1:{ports[number]}",
                    "NATS_STORE_DIR": str(folder / f"store-{number + 1}"),
                    "NATS_TLS_CA": str(self.ca),
                    "NATS_TLS_CERT": str(self.cert),
                    "NATS_TLS_KEY": str(self.key),
                },
                port=ports[nodes + number],
                http=ports[2 * nodes + number],
            )
            for number in range(nodes)
        ]

    @property
    def urls(self) -> tuple[str, ...]:
        """Where clients connect to."""
        return tuple(f"tls://127.0.0.1:{node.port}" for node in self.nodes)

    def take_keys(self) -> None:
        """Has the nodes find the public keys, and the users their own, as they are now."""
        for path in self.keys.glob("*.conf"):
            shutil.copy(path, self.folder)
        for path in self.keys.glob("users/*/nkey.seed"):
            self.seeds[path.parent.name] = path.read_bytes()
        for path in self.keys.glob("users/*/user.creds"):
            text = path.read_text()
            self.seeds[path.parent.name] = seed_of(text).encode()
            self.tokens[path.parent.name] = token_of(text)

    def take_certificates(self) -> None:
        """Has the nodes and the users find the certificates as they are now."""
        for name in _CERTIFICATES:
            shutil.copy(self.keys / "nodes" / HOST.holder.name / name, self.folder)

    def settings(self, user: str) -> ConnectionSettings:
        """How a user connects."""
        login: dict[str, Any]
        if self.tokens.get(user):
            login = {"credentials_file": self.keys / "users" / user / "user.creds"}
        else:
            seed = self.folder / f"{user}.nk"
            seed.write_bytes(self.seeds[user])
            login = {"nkey_seed_file": seed}
        return ConnectionSettings(
            servers=self.urls,
            name=user,
            tls_ca=self.ca,
            tls_cert=self.cert,
            tls_key=self.key,
            startup_timeout=10.0,
            **login,
        )

    def standing_alone(self) -> Self:
        """Takes the cluster out of the configuration: JetStream of one node then needs no others.
        All else stays."""
        path = self.folder / "nats.conf"
        before, cluster, after = _block(path.read_text(), "cluster")
        assert "no_advertise" in cluster
        path.write_text(before + after)
        return self

    def start(self) -> None:
        """Starts all nodes, and returns when they are healthy."""
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            until(node.is_healthy, f"{node.name} is healthy")

    def stop(self) -> None:
        """Kills all nodes."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _block(text: str, name: str) -> tuple[str, str, str]:
    """What stands before a block of the configuration, the block, and what stands behind it."""
    start = text.index(f"\n{name} {{\n") + 1
    end = text.index("\n}\n", start) + 3
    return text[:start], text[start:end], text[end:]


@cache
def _project() -> Project:
    return Project(ROOT)


@cache
def _accounts() -> Sequence[Account]:
    return accounts_of(_project().schema(), _project().manifest())


def _nats_conf(environment: str, login: str) -> bytes:
    """The configuration of the servers if the manifest had another login."""
    manifest = _project().manifest()
    assert manifest.deployment is not None
    deployment = replace(manifest.deployment, login=login)
    return nats_conf(_project().schema(), deployment, manifest.environments[environment])


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def changed(text: str, replacements: Mapping[str, str]) -> str:
    """A text with some of it replaced, each of which has to be there."""
    for old, new in replacements.items():
        assert old in text, f"not there: {old}"
        text = text.replace(old, new)
    return text
