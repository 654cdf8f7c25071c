"""The rules of a server's configuration: what `nats-server -t` finds, and what only shows when it
runs."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress

from tests.platform.nats.installation import Installation, Node, accounts, until
from tests.platform.nats.raw import Raw

__all__ = ["problems_of"]

_MIB = 1 << 20
_STRAY = "stray.subject.of.nobody"
_EXPORTS_OF_SERVER = ("$SYS.", "$JS.API.")


def problems_of(installation: Installation) -> list[str]:
    """What is wrong with the configuration of the first node, which is started for it."""
    node, *_ = installation.nodes
    checked = node.checked()
    if checked.returncode:
        return [f"nats-server -t: {checked.stderr.strip().splitlines()[-1]}"]
    node.start()
    try:
        with suppress(AssertionError):
            until(lambda: _listens(node), "it answers", patience=5.0)
        if node.process is None or not node.process.running:
            return [f"it does not start: {node.log.read_text().strip().splitlines()[-1]}"]
        return [*_text(installation), *_told(node), *_tried(installation)]
    finally:
        node.kill()


def _listens(node: Node) -> bool:
    assert node.process is not None
    assert node.process.running
    try:
        socket.create_connection(("127.0.0.1", node.port), timeout=1).close()
        node.told("varz")
    except OSError:
        return False
    return True


def _text(installation: Installation) -> Iterator[str]:
    """What the server neither refuses nor tells."""
    texts = {path.name: path.read_text() for path in installation.folder.glob("*.conf")}
    for name, text in texts.items():
        lines = [line.partition("#")[0] for line in text.splitlines()]
        if any(re.search(r"\b(password|token|user)\s*:", line) for line in lines):
            yield f"{name} has a login that is no key"
    text = texts["nats.conf"]
    for setting in ("no_advertise: true", 'lame_duck_duration: "30s"', "http: $NATS_HTTP"):
        if setting not in text:
            yield f"nats.conf does not say {setting}"
    if re.search(r"\b(prof_port|https?_port)\b", text):
        yield "nats.conf opens a port by itself"


def _told(node: Node) -> Iterator[str]:
    """What the running server says of itself."""
    told = node.told("varz")
    cluster, store = told["cluster"], told["jetstream"].get("config") or {}
    rules: dict[str, bool] = {
        "its name is not NATS_SERVER_NAME": told["server_name"] == node.name,
        "its tag is not NATS_SERVER_TAG": told.get("tags") == [node.variables["NATS_SERVER_TAG"]],
        "clients need no TLS": bool(told.get("tls_required")),
        "certificates of clients are not verified": bool(told.get("tls_verify")),
        "routes need no TLS": bool(cluster.get("tls_required")),
        "certificates of routes are not verified": bool(cluster.get("tls_verify")),
        "users need no login": bool(told.get("auth_required")),
        "there is no system account": told.get("system_account") == "SYS",
        "JetStream does not store in NATS_STORE_DIR": str(store.get("store_dir", "")).startswith(
            node.variables["NATS_STORE_DIR"]
        ),
        "JetStream does not sync what it acknowledges": bool(store.get("sync_always")),
        "replicas may lie in one zone": store.get("unique_tag") == "az:",
        "JetStream's file storage is not the manifest's": store.get("max_storage") == 80 << 30,
        "JetStream's memory is not the manifest's": store.get("max_memory") == 2 << 30,
        "the longest message is not the manifest's": told["max_payload"] == _MIB,
        "connections are not bounded": told["max_connections"] < 65536,
        "a slow client may hold the server up": told["write_deadline"] <= 10_000_000_000,
        "the monitoring address is open": told["http_host"] == "127.0.0.1",
    }
    yield from (problem for problem, holds in rules.items() if not holds)
    present = node.told("accountz")["accounts"]
    for name in (account["name"] for account in accounts()):
        if name not in present:
            yield f"there is no account {name}"
            continue
        detail = node.told(f"accountz?acc={name}")["account_detail"]
        for export in detail.get("exports") or ():
            # What the server itself exports of the system account: not of these accounts' users.
            own = name == "SYS" and export["subject"].startswith(_EXPORTS_OF_SERVER)
            if not own and not export.get("approved_accounts"):
                yield f"{name} exports {export['subject']} to everybody"
        if detail.get("jetstream_enabled") != (name == "SERVICES"):
            yield f"JetStream is not for {name} as planned"


def _tried(installation: Installation) -> Iterator[str]:
    """What the running server lets others do."""
    port = installation.nodes[0].port
    if _shakes_hands(installation, port, ssl.TLSVersion.TLSv1_2):
        yield "clients may speak TLS 1.2"
    cluster = int(installation.nodes[0].variables["NATS_CLUSTER_LISTEN"].rpartition(":")[2])
    if _shakes_hands(installation, cluster, ssl.TLSVersion.TLSv1_2):
        yield "routes may speak TLS 1.2"
    for user in installation.seeds:
        try:
            connection = Raw(installation, user)
        except OSError as error:
            yield f"{user} cannot log in: {error}"
            continue
        with connection:
            if connection.publishes([_STRAY])[_STRAY]:
                yield f"{user} may publish to everything"
            if connection.subscribes([(">", "")])[">", ""]:
                yield f"{user} may hear everything"
    with suppress(OSError):
        Raw(installation, "").close()
        yield "nobody has to log in"


def _shakes_hands(installation: Installation, port: int, version: ssl.TLSVersion) -> bool:
    context = ssl.create_default_context(cafile=str(installation.ca))
    context.load_cert_chain(installation.cert, installation.key)
    context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        if port == installation.nodes[0].port:
            plain.recv(4096)
        try:
            context.wrap_socket(plain, server_hostname="127.0.0.1").close()
        except (ssl.SSLError, ConnectionError):
            return False
    return True
