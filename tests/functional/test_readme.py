"""Every code block of the README, executed in order in an empty folder.

Behind a block's language stand instructions that readers of the rendered page do not see:
`file=PATH` the block is the content of that file; `edit=PATH` it takes the place of the message of
the same name there; `exit=N` the exit code of its command; `output` what the command before it
printed.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(?P<language>\w+)(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)


class Reader:
    """Somebody who types what the README says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = ""
        self._groups: list[int] = []
        self._ports = {"4222": _free_port(), "8080": _free_port()}
        tools = Path(sys.executable).parent
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(folder / ".cache"),
        }

    def read(self, language: str, info: dict[str, str], text: str) -> None:
        """Does what one block asks for."""
        for written, port in self._ports.items():
            text = text.replace(written, str(port))
        if "file" in info:
            path = self.folder / info["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif "edit" in info:
            self._edit(self.folder / info["edit"], text)
        elif "output" in info:
            assert self.output == text
        elif text.startswith("make "):
            command = ["make", "--dry-run", *text.split()[1:]]
            subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
        elif text.startswith("pip install "):
            extras = re.findall(r"\[(.*)\]", text)[0].split(",")
            assert set(extras) <= set(metadata("protonats").get_all("Provides-Extra") or [])
        else:
            assert language == "bash", f"nobody runs this block: {text}"
            self._run(text, int(info.get("exit", 0)))

    def _run(self, text: str, expected: int) -> None:
        after = self.folder / ".environment"
        printed = self.folder / ".printed"
        script = f"set -eu\n{text}\nenv -0 > {after}\n"
        with printed.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._groups.append(process.pid)
            code = process.wait(timeout=60)
        self.output = printed.read_text()
        assert code == expected, f"{text}\nended with {code}:\n{self.output}"
        if code == 0:
            pairs = after.read_text().rstrip("\0").split("\0")
            self._environment = dict(pair.split("=", 1) for pair in pairs)
        if "protonats.serve" in text:
            self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        address = f"http://127.0.0.1:{self._ports['8080']}/readyz"
        for _ in range(600):
            try:
                with urllib.request.urlopen(address, timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        pytest.fail("the service of the README is not ready after 30 s")

    def _edit(self, path: Path, text: str) -> None:
        head = text.splitlines()[0]
        pattern = re.escape(head) + r"\n.*?^\}\n"
        changed, count = re.subn(pattern, text, path.read_text(), flags=re.M | re.S)
        assert count == 1, f"{path.name} has no {head}"
        path.write_text(changed)

    def close(self) -> None:
        """Ends what the README left running in the background."""
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.close()


def test_every_block_of_the_readme_works(reader: Reader) -> None:
    blocks = list(BLOCK.finditer((REPOSITORY / "README.md").read_text()))
    assert len(blocks) > 15
    for block in blocks:
        words = block["info"].split()
        info = {key: value for key, _, value in (word.partition("=") for word in words)}
        reader.read(block["language"], info, block["text"])
