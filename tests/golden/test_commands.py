"""What the command line says about a mistake, case by case.

A case is a folder in `commands/` with

- `command.txt`, what is typed behind a prompt: `empty$` in a folder without anything, `bare$` there
  with a server on which nobody listens and this account has no JetStream, `shop$` in the project of
  `tests/functional/live/orders.py`, `live$` in that project while its service runs and its streams
  are there,
- `input/`, files that are laid over that folder first, if the case has them,
- `stdin.txt`, what is on standard input, if anything,
- `stdout.txt`, `stderr.txt` and `exit_code.txt`, what comes of it; no file where nothing is said.

`pytest tests/golden --update-golden` rewrites these: read the difference.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from protoc_gen_nats.cli import main
from protonats.testing import EmbeddedNats
from tests.functional.live.orders import orders, write_orders

CASES = sorted(path for path in Path(__file__).with_name("commands").iterdir() if path.is_dir())
NOWHERE = "nats://127.0.0.1:9"
NO_JETSTREAM = """
no_auth_user: plain
accounts {
  PLAIN: {users: [{user: plain, password: x}]}
  STORING: {users: [{user: storing, password: x}], jetstream: enabled}
}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its generated files; cases work on copies of it."""
    folder = tmp_path_factory.mktemp("shop")
    write_orders(folder)
    return folder


@pytest.fixture(scope="module")
def bare() -> Iterator[str]:
    """The URL of a server where nobody listens, and whose JetStream is for others."""
    with EmbeddedNats(jetstream=True, config=NO_JETSTREAM) as nats:
        yield nats.url


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The project whose service runs, and the URL of its server."""
    folder = tmp_path_factory.mktemp("live")
    with EmbeddedNats(jetstream=True) as nats, orders(folder, nats) as shop:
        applied = shop.run("streams", "apply", "--yes", "-C", str(folder))
        assert applied.exit_code == 0, applied.output
        yield folder, nats.url


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(
    case: Path,
    update_golden: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    place, _, command = (case / "command.txt").read_text(encoding="utf-8").strip().partition("$ ")
    project, url = None, NOWHERE
    if place == "live":
        project, url = request.getfixturevalue("live")
    elif place == "bare":
        url = request.getfixturevalue("bare")
    elif place == "shop":
        project = request.getfixturevalue("shop")
    folder = tmp_path / place
    if project is None:
        folder.mkdir()
    else:
        shutil.copytree(project, folder)
    if (case / "input").is_dir():
        shutil.copytree(case / "input", folder, dirs_exist_ok=True)
    monkeypatch.chdir(folder)
    stdin = case / "stdin.txt"

    program, *arguments = shlex.split(command)
    result = CliRunner().invoke(
        main,
        arguments,
        prog_name=program,
        env={"NATS_URL": url, "NATS_STARTUP_TIMEOUT": "0.5", "COLUMNS": "100"},
        input=stdin.read_bytes() if stdin.is_file() else None,
    )

    said = {
        "stdout.txt": _steady(result.stdout, tmp_path, url),
        "stderr.txt": _steady(result.stderr, tmp_path, url),
        "exit_code.txt": f"{result.exit_code}\n",
    }
    if update_golden:
        for name, text in said.items():
            (case / name).write_text(text, encoding="utf-8")
            if not text:
                (case / name).unlink()
    for name, text in said.items():
        path = case / name
        assert text == (path.read_text(encoding="utf-8") if path.is_file() else "")


def _steady(text: str, folder: Path, url: str) -> str:
    """Without what differs from one run to the next: folders, addresses and times."""
    text = text.replace(str(folder.resolve()), "").replace(str(folder), "")
    text = text.replace(url, "nats://server").replace(url.removeprefix("nats://"), "server")
    return re.sub(r"\b\d+(\.\d+)? (ms|s)\b", "… s", text)
