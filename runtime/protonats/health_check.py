"""Asks the process on this machine whether it is well: `python -m protonats.health_check`.

The health check of a container, which needs no other program in its image, and loads next to
nothing. It asks the path `/healthz`, or the one that its argument names, at the port of
PROTONATS_HEALTH_ADDRESS.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["main"]

_ADDRESS: Final = "PROTONATS_HEALTH_ADDRESS"
_DEFAULT: Final = "0.0.0.0:8080"
_TIMEOUT: Final = 4.0
"""Seconds: below the 5 s that Docker and ECS give a check."""

_ANYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
_USAGE: Final = "usage: python -m protonats.health_check [/healthz | /readyz | /livez]"


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Asks, and prints what is wrong.

    Args:
        arguments: The path, if it is not `/healthz`; None: those of the command line.
        environ: The variables of the process; None: `os.environ`.

    Returns:
        0 if the answer is 200; 1 for another one, or none within 4 s; 2 for wrong arguments.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    path = arguments[0] if arguments else "/healthz"
    if len(arguments) > 1 or not path.startswith("/"):
        print(_USAGE, file=sys.stderr)
        return 2
    environ = os.environ if environ is None else environ
    wanted = environ.get(_ADDRESS, _DEFAULT)
    host, _, port = wanted.rpartition(":")
    host = host.strip("[]")
    if not port.isdecimal():
        print(f"{_ADDRESS} is {wanted!r}: nobody answers health checks there", file=sys.stderr)
        return 1
    try:
        answer = _ask((_ANYWHERE.get(host, host), int(port)), path)
    except OSError as error:
        print(f"no answer at {wanted}: {error}", file=sys.stderr)
        return 1
    status, _, rest = answer.partition(b"\r\n")
    if status.split(b" ")[1:2] == [b"200"]:
        return 0
    body = rest.partition(b"\r\n\r\n")[2] or status
    print(body.decode(errors="replace").strip() or "an empty answer", file=sys.stderr)
    return 1


def _ask(address: tuple[str, int], path: str) -> bytes:
    with socket.create_connection(address, timeout=_TIMEOUT) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: health\r\nConnection: close\r\n\r\n".encode()
        )
        parts = []
        while part := connection.recv(4096):
            parts.append(part)
    return b"".join(parts)


if __name__ == "__main__":
    sys.exit(main())
