"""Emptying the servers that tests share."""

from __future__ import annotations

import json
import socket
from typing import Any, Final
from urllib.parse import urlsplit

_TIMEOUT: Final = 5.0
_CONNECT: Final = b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n'
_INBOX: Final = "_INBOX.protonats_testing"


def delete_streams(url: str) -> None:
    """Deletes all streams of a nats-server: a millisecond or two where there is none.

    Raises:
        OSError: The server does not answer.
    """
    address = urlsplit(url)
    target = (address.hostname, address.port)
    with socket.create_connection(target, timeout=_TIMEOUT) as line, line.makefile("rb") as reader:
        line.sendall(_CONNECT + f"SUB {_INBOX} 1\r\n".encode())
        # A list is paged: what is left comes with the next one.
        while names := _request(line, reader, "STREAM.NAMES").get("streams"):
            for name in names:
                _request(line, reader, f"STREAM.DELETE.{name}")


def flush(url: str) -> None:
    """Deletes everything that a redis-server has.

    Raises:
        OSError: The server does not answer.
    """
    address = urlsplit(url)
    target = (address.hostname, address.port)
    with socket.create_connection(target, timeout=_TIMEOUT) as line, line.makefile("rb") as reader:
        line.sendall(b"FLUSHALL\r\n")
        answer = reader.readline()
    if answer != b"+OK\r\n":
        raise OSError(f"redis-server at {url} does not forget: {answer!r}")


def _request(line: socket.socket, reader: Any, name: str) -> dict[str, Any]:
    line.sendall(f"PUB $JS.API.{name} {_INBOX} 0\r\n\r\n".encode())
    while True:
        words = reader.readline().split()
        if not words:
            raise OSError("the nats-server ended the connection")
        if words[0] == b"PING":
            line.sendall(b"PONG\r\n")
        elif words[0] == b"MSG":
            answer: dict[str, Any] = json.loads(reader.read(int(words[-1]) + 2))
            return answer
        elif words[0] == b"HMSG":
            # Nobody answers: a server without JetStream has no streams.
            reader.read(int(words[-1]) + 2)
            return {}
        elif words[0] == b"-ERR":
            raise OSError(b" ".join(words).decode())
