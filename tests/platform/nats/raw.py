"""The NATS protocol, spoken by hand: every subscription and every message is answered by the
server's own verdict."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import nkeys
from cryptography import x509

from tests.platform.nats.installation import Installation

__all__ = ["Raw", "can_log_in"]

_OPTIONS: Mapping[str, Any] = {
    "verbose": False,
    "pedantic": True,
    "headers": True,
    "no_responders": True,
    "protocol": 1,
}
_VIOLATION = re.compile(
    r"-ERR 'Permissions Violation for (Publish|Subscription)(?: with Reply of)?"
    r'(?: to)? "([^"]+)"(?: using queue "([^"]+)")?'
)


class Raw:
    """One connection of a user."""

    def __init__(self, installation: Installation, user: str, *, node: int = 0) -> None:
        """
        Args:
            installation: The servers.
            user: The user; one without a key does not log in.
            node: Which of the servers.

        Raises:
            PermissionError: The server refuses the user.
            OSError: There is no connection.
        """
        self._next = 0
        self._buffer = b""
        self.messages: list[tuple[str, str, bytes]] = []
        """What came and was not read: subject, reply subject, body behind its header block."""

        plain = socket.create_connection(("127.0.0.1", installation.nodes[node].port), timeout=10)
        self._socket: socket.socket = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            info = json.loads(_line(plain).removeprefix(b"INFO "))
            if info.get("tls_required"):
                context = ssl.create_default_context(cafile=str(installation.ca))
                context.load_cert_chain(installation.cert, installation.key)
                self._socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
            seed = installation.seeds.get(user)
            token = installation.tokens.get(user, "")
            login = _login(seed, token, info.get("nonce", "")) if seed else {}
            self._send(f"CONNECT {json.dumps({**_OPTIONS, **login})}\r\n".encode())
            if errors := self.settled():
                raise PermissionError(errors[0])
        except BaseException:
            self.close()
            raise

    @property
    def certificate(self) -> x509.Certificate:
        """What the server has shown."""
        assert isinstance(self._socket, ssl.SSLSocket)
        return x509.load_der_x509_certificate(self._socket.getpeercert(binary_form=True) or b"")

    def publishes(self, subjects: Sequence[str]) -> dict[str, bool]:
        """Whether the server takes a message for each of these subjects."""
        self._send("".join(f"PUB {subject} 0\r\n\r\n" for subject in subjects).encode())
        denied = {subject for kind, subject, _ in self._violations() if kind == "Publish"}
        return {subject: subject not in denied for subject in subjects}

    def subscribes(self, subjects: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bool]:
        """Whether the server takes a subscription to each of these pairs of a subject and a queue
        group, which may be empty."""
        first = self._next
        for subject, queue in subjects:
            self._subscribe(subject, queue)
        denied = {(s, queue) for kind, s, queue in self._violations() if kind == "Subscription"}
        self._send("".join(f"UNSUB {n}\r\n" for n in range(first + 1, self._next + 1)).encode())
        return {pair: pair not in denied for pair in subjects}

    def subscribe(self, subject: str) -> None:
        """Subscribes to a subject, behind which a queue group may stand; returns when the server
        has done so.

        Raises:
            PermissionError: The server refuses.
        """
        self._subscribe(*subject.split(" "))
        if errors := self.settled():
            raise PermissionError(errors[0])

    def publish(
        self, subject: str, body: bytes = b"", *, reply: str = "", headers: str = ""
    ) -> list[str]:
        """Publishes; returns when the server has taken or refused it, with its errors."""
        if headers:
            block = f"NATS/1.0\r\n{headers}\r\n".encode() + b"\r\n"
            sizes = f"{len(block)} {len(block) + len(body)}"
            self._send(f"HPUB {subject} {reply} {sizes}\r\n".encode() + block + body + b"\r\n")
        else:
            self._send(f"PUB {subject} {reply} {len(body)}\r\n".encode() + body + b"\r\n")
        return self.settled()

    def request(self, subject: str, body: bytes | dict[str, Any], *, inbox: str) -> dict[str, Any]:
        """The JSON that answers, in an inbox that this connection is subscribed to.

        Raises:
            PermissionError: The server refuses.
        """
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        if errors := self.publish(subject, content, reply=inbox):
            raise PermissionError(errors[0])
        where, _, answer = self.next_message()
        assert where == inbox
        value: dict[str, Any] = json.loads(answer)
        return value

    def next_message(self) -> tuple[str, str, bytes]:
        """The first message that came, or comes: subject, reply subject, body."""
        while not self.messages:
            self._take(self._read_line())
        return self.messages.pop(0)

    def settled(self) -> list[str]:
        """Waits until the server has seen all that was sent, and returns its errors."""
        self._send(b"PING\r\n")
        errors = []
        while (line := self._read_line()) != b"PONG":
            if line.startswith(b"-ERR"):
                errors.append(line.decode())
            else:
                self._take(line)
        return errors

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def _violations(self) -> Iterator[tuple[str, str, str]]:
        for error in self.settled():
            match = _VIOLATION.match(error)
            assert match, error
            yield match[1], match[2], match[3] or ""

    def _subscribe(self, subject: str, queue: str = "") -> None:
        self._next += 1
        self._send(f"SUB {subject} {queue} {self._next}\r\n".encode())

    def _take(self, line: bytes) -> None:
        if line.startswith((b"MSG ", b"HMSG ")):
            verb, subject, *rest = line.decode().split()
            sizes = 2 if verb == "HMSG" else 1
            reply = rest[1] if len(rest) > 1 + sizes else ""
            body = self._read(int(rest[-1]) + 2)[:-2]
            self.messages.append((subject, reply, body))
        elif line == b"PING":
            self._send(b"PONG\r\n")

    def _send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def _read_line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._fill()
        content, self._buffer = self._buffer[:count], self._buffer[count:]
        return content

    def _fill(self) -> None:
        content = self._socket.recv(1 << 16)
        if not content:
            raise ConnectionResetError("the server closed the connection")
        self._buffer += content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def can_log_in(installation: Installation, user: str, seed: bytes, token: str = "") -> bool:
    """Whether a user can log in with another key than it has."""
    current = installation.seeds[user], installation.tokens.get(user, "")
    installation.seeds[user], installation.tokens[user] = seed, token
    try:
        Raw(installation, user).close()
    except OSError:
        return False
    finally:
        installation.seeds[user], installation.tokens[user] = current
    return True


def _login(seed: bytes, token: str, nonce: str) -> dict[str, str]:
    pair = nkeys.from_seed(bytearray(seed))
    signature = base64.urlsafe_b64encode(pair.sign(nonce.encode())).rstrip(b"=")
    public: Any = pair.public_key
    who = {"jwt": token} if token else {"nkey": public.decode()}
    return {**who, "sig": signature.decode()}


def _line(plain: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\r\n"):
        line += plain.recv(1)
    return line
