"""Who is told of alerts: a webhook that remembers what it heard."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

__all__ = ["Webhook"]


class Webhook:
    """A server on 127.0.0.1 that Alertmanager tells of alerts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alerts: list[dict[str, Any]] = []
        heard = self._heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                heard(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def last(self, alert: str, **labels: str) -> Mapping[str, Any]:
        """What was said last of an alert with these labels; empty, if nothing was."""
        wanted = {"alertname": alert, **labels}
        with self._lock:
            heard = self._alerts[::-1]
        return next((said for said in heard if wanted.items() <= said["labels"].items()), {})

    def _heard(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            self._alerts += message["alerts"]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
