"""What is in an image, and what a container of it may do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.platform.images.base import Store
from tests.platform.images.building import Built

__all__ = ["HARDENED", "Seen", "digests", "look_into_all"]

HARDENED = (
    *("--init", "--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL"),
    *("--security-opt=no-new-privileges", "--memory=256m"),
)
"""How every container runs: with nothing to write to, and nothing that it may do beyond its user's
own."""

_LOOK = """\
import contextlib, importlib.metadata, importlib.util, json, os, sys
from pathlib import Path

def files(root):
    found = (p for p in Path(root).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return sorted(map(str, found))

def writable(folder):
    with contextlib.suppress(OSError):
        Path(folder, "probe").write_text("")
        return True
    return False

with contextlib.redirect_stdout(sys.stderr):
    from protonats.serve import main
    status = main(["--check", *sys.argv[1:]]) if sys.argv[1:] else 0
    import protonats.health_check
modules = [getattr(m, "__file__", None) or "" for m in [*sys.modules.values()]]
print(json.dumps({
    "status": status,
    "user": [os.getuid(), os.getgid()],
    "capabilities": [l.split()[1] for l in open("/proc/self/status") if l.startswith("CapEff")][0],
    "init": open("/proc/1/comm").read().strip(),
    "files": files("/srv"),
    "loaded": sorted(m for m in modules if m.startswith("/srv/")),
    "installed": sorted([d.metadata["Name"], d.version] for d in importlib.metadata.distributions()
                        if str(d.locate_file("")).startswith("/opt/venv/")),
    "generator": [m for m in ("protoc_gen_nats", "grpc_tools", "jinja2")
                  if importlib.util.find_spec(m)],
    "programs": os.listdir("/opt/venv/bin"),
    "writable": [f for f in ("/", "/srv", "/opt/venv", "/tmp", "/home") if writable(f)],
    "sbom": json.load(open("/usr/share/sbom/image.cdx.json")),
}))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a program saw from inside of a container."""

    status: int
    """The exit code of the check that loads the service."""

    user: list[int]
    capabilities: str
    init: str
    """The program that is process 1."""

    files: list[str]
    """All below /srv but bytecode."""

    loaded: list[str]
    """Those of them that the service loads."""

    installed: list[list[str]]
    """Names and versions of what is installed."""

    generator: list[str]
    """What could be imported of the generator."""

    programs: list[str]
    """Those of the environment."""

    writable: list[str]
    """The folders that can be written to."""

    sbom: dict[str, object]


def look_into_all(store: Store, images: Mapping[str, Built]) -> dict[str, Seen]:
    """Starts a container of each image, which ends once it has looked around."""

    def look(image: Built) -> Seen:
        arguments = ("--rm", "--network=none", "--entrypoint=python", *HARDENED, image.tag)
        command = ("-c", _LOOK, *(image.config.get("Cmd") or ()))
        return Seen(**json.loads(store.podman("run", *arguments, *command)))

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(images, pool.map(look, images.values()), strict=True))


def digests(root: Path) -> dict[str, str]:
    """What every file, folder and link below a folder is, apart from its times."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        kind = f"{status.st_mode:o} {status.st_uid}:{status.st_gid}"
        if path.is_symlink():
            kind += f" -> {path.readlink()}"
        elif path.is_file():
            kind += f" {sha256(path.read_bytes()).hexdigest()}"
        found[str(path.relative_to(root))] = kind
    return found
