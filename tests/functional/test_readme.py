"""Every code block of the README and of each guide, executed in order in an empty folder.

Behind a block's language stand instructions that readers of the rendered page do not see:
`file=PATH` the block is the content of that file; `edit=PATH` it takes the place of the message of
the same name there; `exit=N` the exit code of its command; `until=WORD` the command is typed again
until it prints that word; `terminal` the command goes on in a terminal of its own, until the block
that says `close`, before which it gets a Ctrl-C; `output` what the command before it printed, with
`…` for what may be anything on that line. However wide a gap in an output is, it counts as one
space.
"""

from __future__ import annotations

import inspect
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

from protonats import settings
from protonats._telemetry.families import families

REPOSITORY = Path(__file__).parents[2]
PAGES = ("README.md", *(f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("guide-*.md")))
_TRIES = 100
BLOCK = re.compile(r"^```(?P<language>\w+)(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)


class Reader:
    """Somebody who types what a page says."""

    def __init__(self, folder: Path) -> None:
        self.base = self.folder = folder
        self.output = ""
        self._printed = folder
        self._terminals: list[subprocess.Popen[bytes]] = []
        self._groups: list[int] = []
        self._ports = {"4222": _free_port(), "8080": _free_port()}
        tools = Path(sys.executable).parent
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(folder / ".cache"),
            "NATS_URL": f"nats://127.0.0.1:{self._ports['4222']}",
        }

    def read(self, language: str, info: dict[str, str], text: str) -> None:
        """Does what one block asks for."""
        for written, port in self._ports.items():
            text = text.replace(written, str(port))
        if "close" in info:
            self._close_terminal()
        if "file" in info:
            path = self.folder / info["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif "edit" in info:
            self._edit(self.folder / info["edit"], text)
        elif "output" in info:
            pattern = re.escape(_narrow(text)).replace("…", ".*")
            printed = _narrow(self.output)
            assert re.fullmatch(pattern, printed), f"printed is\n{self.output}, and not\n{text}"
        elif "terminal" in info:
            self._terminals.append(self._start(text))
        elif text.startswith("make "):
            command = ["make", "--dry-run", *text.split()[1:]]
            subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
        elif text.startswith("pip install "):
            extras = re.findall(r"protonats\[(.*)\]", text)
            known = set(metadata("protonats").get_all("Provides-Extra") or [])
            assert known.issuperset(one for extra in extras for one in extra.split(","))
        else:
            assert language == "bash", f"nobody runs this block: {text}"
            code = self._run(text)
            for _ in range(_TRIES if "until" in info else 0):
                if info["until"] in self.output:
                    break
                time.sleep(0.1)
                code = self._run(text)
            assert info.get("until", "") in self.output, f"{text}\nprinted:\n{self.output}"
            expected = int(info.get("exit", 0))
            assert code == expected, f"{text}\nended with {code}:\n{self.output}"

    def _start(self, text: str) -> subprocess.Popen[bytes]:
        # One for each block: what it left in the background goes on printing.
        printed = self.base / f".printed-{len(self._groups)}"
        with printed.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", text],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._printed = printed
        self._groups.append(process.pid)
        return process

    def _close_terminal(self) -> None:
        terminal = self._terminals.pop()
        os.killpg(terminal.pid, signal.SIGINT)
        assert terminal.wait(30) == 0, self._printed.read_text()

    def _run(self, text: str) -> int:
        after = self.base / ".environment"
        process = self._start(f"set -eu\n{text}\nenv -0 > {after}\n")
        printed = self._printed
        code = process.wait(timeout=60)
        self.output = printed.read_text()
        if code == 0:
            pairs = after.read_text().rstrip("\0").split("\0")
            self._environment = dict(pair.split("=", 1) for pair in pairs)
            self.folder = Path(self._environment["PWD"])
        if "protonats.serve" in text:
            self._wait_until_ready()
        return code

    def _wait_until_ready(self) -> None:
        address = f"http://127.0.0.1:{self._ports['8080']}/readyz"
        for _ in range(600):
            try:
                with urllib.request.urlopen(address, timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        pytest.fail("the service of the page is not ready after 30 s")

    def _edit(self, path: Path, text: str) -> None:
        head = text.splitlines()[0]
        pattern = re.escape(head) + r"\n.*?^\}\n"
        changed, count = re.subn(pattern, text, path.read_text(), flags=re.M | re.S)
        assert count == 1, f"{path.name} has no {head}"
        path.write_text(changed)

    def close(self) -> None:
        """Ends what the page left running in the background."""
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _narrow(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


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


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_block_of_a_page_works(reader: Reader, page: str) -> None:
    blocks = list(BLOCK.finditer((REPOSITORY / page).read_text()))
    assert len(blocks) > 5
    for block in blocks:
        words = block["info"].split()
        info = {key: value for key, _, value in (word.partition("=") for word in words)}
        reader.read(block["language"], info, block["text"])


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_says_in_which_folder_it_installs_the_checkout(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    before, installs, _ = text.partition("pip install './protonats[")
    assert not installs or " the folder that holds the checkout of this repository" in before


def test_the_readme_lists_every_variable() -> None:
    page = (REPOSITORY / "README.md").read_text()
    variables = set(re.findall(r'\("([A-Z]+_[A-Z_]+)"', inspect.getsource(settings)))
    assert [name for name in sorted(variables) if f"`{name}`" not in page] == []


def test_the_guide_lists_every_metric() -> None:
    page = (REPOSITORY / "docs/guide-telemetry.md").read_text()
    for family in families():
        name = f"protonats_{family.name}{'_total' if family.kind == 'counter' else ''}"
        labels = ", ".join(f"`{label}`" for label in family.labels)
        assert f"| `{name}` | {family.kind} | {labels} | {family.text.rstrip('.')} |" in page
