"""Stands in for the metadata service of EC2, version 2: each machine is known by its address."""

from __future__ import annotations

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "token-of-the-metadata"
CLOUD_INIT = ("Cloud-Init/", "python-requests/")


class Metadata(BaseHTTPRequestHandler):
    """Answers from the file of the machine that asks, `machines/<address>`."""

    cloud: Path

    def do_PUT(self) -> None:
        self.answer(200, TOKEN.encode())

    def do_GET(self) -> None:
        file = self.cloud / "machines" / self.client_address[0]
        # In a container cloud-init cannot see that it is at Amazon, and asks without a token.
        trusted = self.headers.get("User-Agent", "").startswith(CLOUD_INIT)
        if not trusted and self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            return self.answer(401, b"")
        if not file.exists():
            return self.answer(404, b"")
        machine = json.loads(file.read_text())
        _version, _, path = self.path.strip("/").partition("/")
        if path == "user-data":
            return self.answer(200, base64.b64decode(machine["user_data_base64"]))
        if path == "dynamic/instance-identity/document":
            return self.answer(200, json.dumps(machine["document"]).encode())
        found: Any = {"meta-data": machine["metadata"]}
        for part in path.split("/"):
            if not isinstance(found, dict) or part not in found:
                return self.answer(404, b"")
            found = found[part]
        if isinstance(found, dict):
            found = "\n".join(f"{k}/" if isinstance(v, dict) else k for k, v in found.items())
        return self.answer(200, found.encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


if __name__ == "__main__":
    Metadata.cloud = Path(sys.argv[1])
    server = ThreadingHTTPServer(("169.254.169.254", 80), Metadata)
    print("ready", flush=True)
    server.serve_forever()
