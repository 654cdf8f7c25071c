"""Images that are called as those of others, where none can be pulled: the same programs, of Debian
and of PyPI, on the base image."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.platform.images.base import Store
from tests.platform.images.building import BASE
from tests.platform.tools import tool

__all__ = ["build_stand_ins"]

_PROGRAMS = {
    "nats-server": "nats-server",
    "prometheus": "/usr/bin/prometheus",
    "prometheus-alertmanager": "/usr/bin/prometheus-alertmanager",
    # By their paths: the one of a Python environment speaks no TLS.
    "redis-cli": "/usr/bin/redis-cli",
    "redis-server": "/usr/bin/redis-server",
}
_OF_THE_BASE = ("ld-linux", "libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so")

_TEMPLATES = "/usr/share/prometheus/alertmanager"
"""Debian's Alertmanager looks for them there."""

_WGET = """\
#!/usr/bin/python3
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[-1], timeout=4).read().decode())
"""
"""What the images have of busybox."""

_ALERTMANAGER = """\
#!/usr/bin/python3
# Debian's is older than 0.26, which reads the address of a webhook from a file.
import os, re, sys
path, storage = (one.partition("=")[2] for one in sys.argv[1:3])
text = re.sub(r"url_file: .*", "url: http://127.0.0.1:9/", open(path).read())
os.makedirs(storage, exist_ok=True)
with open(f"{storage}/older.yaml", "w") as file:
    file.write(text)
os.execvp("prometheus-alertmanager", ["alertmanager", f"--config.file={file.name}", sys.argv[2]])
"""

_DOCKERFILE = f"""\
FROM {BASE}
COPY bin/ /usr/local/bin/
COPY lib/ /opt/lib/
COPY templates/ {_TEMPLATES}/
ENV LD_LIBRARY_PATH=/opt/lib
"""


def build_stand_ins(store: Store, names: Iterable[str], scratch: Path) -> None:
    """Builds one image with all of these programs, and calls it by each name.

    Args:
        store: Where the base image is, and the images will be.
        names: The names of images.
        scratch: An empty folder.
    """
    for folder in ("bin", "lib"):
        (scratch / folder).mkdir()
    for name, place in _PROGRAMS.items():
        path = Path(place if place.startswith("/") else tool(place)).resolve()
        assert path.exists(), f"{path} is missing: make test-platform installs it"
        shutil.copy(path, scratch / "bin" / name)
        for library in _libraries(path):
            shutil.copy(library, scratch / "lib")
    for name, text in (("wget", _WGET), ("alertmanager", _ALERTMANAGER)):
        (scratch / "bin" / name).write_text(text)
        (scratch / "bin" / name).chmod(0o755)
    (scratch / "Dockerfile").write_text(_DOCKERFILE)
    (scratch / "templates").mkdir()
    for path in Path(_TEMPLATES).glob("*.tmpl"):
        shutil.copy(path, scratch / "templates")
    first, *others = names
    store.build(scratch / "Dockerfile", first, scratch)
    for name in others:
        store.podman("tag", first, name)


def _libraries(program: Path) -> Iterable[Path]:
    told = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    for line in told.stdout.splitlines():
        _, arrow, rest = line.partition(" => ")
        if arrow and not any(name in line for name in _OF_THE_BASE):
            yield Path(rest.split()[0])
