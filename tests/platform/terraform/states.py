"""Keeps the states of Terraform in memory, behind HTTP.

Terraform writes a state on disk anew after each resource, which takes longer than all else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["kept_in_memory"]


@contextmanager
def kept_in_memory() -> Iterator[str]:
    """The address below which each path is a state, as Terraform's `http` backend has it."""
    states: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state = states.get(self.path, b"")
            self.send_response(200 if state else 404)
            self.send_header("Content-Length", str(len(state)))
            self.end_headers()
            self.wfile.write(state)

        def do_POST(self) -> None:
            states[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: Terraform tells what fails."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()
