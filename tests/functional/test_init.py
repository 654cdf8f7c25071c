"""`protonats init` and `protonats new`: what somebody begins with works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from tests.projects import TestProject, run

FILES = [
    "protonats.yaml",
    "proto/shop/v1/shop.proto",
    "services/shop/__init__.py",
    "services/shop/service.py",
    "tests/test_shop.py",
    "pyproject.toml",
    "README.md",
    ".gitignore",
]


def protonats(folder: Path, *arguments: str) -> Result:
    """Runs `protonats` in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        return CliRunner().invoke(main, arguments)
    finally:
        os.chdir(before)


def succeeded(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def failed(result: Result) -> str:
    assert result.exit_code == 1, result.output
    return result.stderr


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A new project, generated."""
    succeeded(protonats(tmp_path, "init", "shop"))
    succeeded(protonats(tmp_path / "shop", "generate"))
    return tmp_path / "shop"


def tool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a module of this environment in a folder, on the project's own settings alone."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100
    )


def test_a_new_project_says_what_it_is_and_what_to_do_next(tmp_path: Path) -> None:
    printed = succeeded(protonats(tmp_path, "init", "shop"))

    assert [line.split("shop/", 1)[1] for line in printed.splitlines()[: len(FILES)]] == FILES
    assert printed.endswith("""\
Next:
  cd shop
  protonats generate    # clients, servers and types from the schema
  protonats dev         # runs NATS and the service, until Ctrl-C
and in another terminal, in the same folder:
  protonats call shop.greet '{"name": "Ada"}' --wait
""")


def test_json_lists_the_files(tmp_path: Path) -> None:
    printed = json.loads(succeeded(protonats(tmp_path, "init", "shop", "--json")))

    assert printed == {"folder": "shop", "written": FILES, "service": "ShopService"}


def test_the_tests_of_a_new_project_pass(shop: Path) -> None:
    done = tool(shop, "pytest", "-q", "-p", "no:cacheprovider")

    assert "3 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_a_new_project_is_clean_under_mypy_strict(shop: Path) -> None:
    done = tool(shop, "mypy", "services", "tests")

    assert done.stdout.startswith("Success"), done.stdout + done.stderr


def test_a_new_project_is_formatted_and_has_no_drift(shop: Path) -> None:
    checked = ["services", "tests"]
    formatted = tool(shop, "black", "--check", "-q", "--diff", "--line-length", "100", *checked)
    ruled = tool(shop, "ruff", "check", "--no-cache", "--extend-select", "I", *checked)

    assert (formatted.returncode, formatted.stdout) == (0, "")
    assert ruled.returncode == 0, ruled.stdout
    assert json.loads(succeeded(protonats(shop, "check", "--json")))["clean"]


def test_what_its_schema_gains_is_merged_into_the_service(shop: Path) -> None:
    schema = shop / "proto/shop/v1/shop.proto"
    text = schema.read_text()
    method = "  rpc Leave(GreetRequest) returns (GreetResponse);\n"
    schema.write_text(text.replace("  // Counts", f"{method}\n  // Counts"))

    assert "services/shop/service.py" in succeeded(protonats(shop, "update"))
    service = (shop / "services/shop/service.py").read_text()
    assert "async def leave(" in service
    assert service.count("from shop.v1.shop_nats import") == 1
    assert "Hello, {request.name}!" in service
    assert "3 passed" in tool(shop, "pytest", "-q", "-p", "no:cacheprovider").stdout


@pytest.mark.slow
def test_a_new_project_can_be_built_and_installed(shop: Path, tmp_path: Path) -> None:
    done = tool(shop, "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "wheel"))
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "wheel").iterdir()
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    code = "import services.shop.service as module; print(module.ShopService.__name__)"
    printed = run(sys.executable, "-c", code, cwd=installed)
    assert printed.stdout == "ShopService\n", printed.stderr


def test_names_and_packages_can_be_chosen(tmp_path: Path) -> None:
    options = ("--name", "OrderBook", "--package", "acme.trading.v2")
    succeeded(protonats(tmp_path, "init", "here", *options))
    project = tmp_path / "here"

    assert "service OrderBookService {" in (
        project / "proto/acme/trading/v2/order_book.proto"
    ).read_text(encoding="utf-8")
    succeeded(protonats(project, "generate"))
    assert (project / "services/order_book_v2/service.py").is_file()
    assert "3 passed" in tool(project, "pytest", "-q", "-p", "no:cacheprovider").stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine\n")

    message = failed(protonats(tmp_path, "init", ".", "--name", "shop"))

    assert message == (
        "error: . has README.md, and nothing is overwritten: choose another folder, or add to the"
        " project with `protonats new`\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("1st",), "no service can be called '1st': write letters, digits and `_`"),
        (("a b",), "no service can be called 'a b'"),
        (("json",), "package 'json.v1' and the Python package 'json' would hide each other"),
        (("redis",), "for example --package acme.redis"),
        (("class",), "no package can be called 'class.v1'"),
        (("services",), "package 'services.v1' and the Python package 'services'"),
        (("shop", "--package", "Acme"), "no package can be called 'Acme.v1'"),
        (("shop", "--package", "acme..shop"), "no package can be called 'acme..shop.v1'"),
    ],
)
def test_what_cannot_be_a_name_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert message in failed(protonats(tmp_path, "init", *arguments))
    assert list(tmp_path.iterdir()) == []


def test_a_service_and_an_event_are_added(shop: Path) -> None:
    printed = succeeded(protonats(shop, "new", "service", "billing"))
    assert printed == """\
   wrote  proto/billing/v1/billing.proto

Next:
  edit proto/billing/v1/billing.proto
  protonats generate    # begins services/billing/service.py
"""
    printed = succeeded(protonats(shop, "new", "event", "InvoicePaid", "--service", "billing"))
    assert printed == """\
 changed  proto/billing/v1/billing.proto

Next:
  edit proto/billing/v1/billing.proto    # what InvoicePaid says, at its end
  edit protonats.yaml, as no stream stores evt.billing.invoice_paid.v1.*:
      streams:
        BILLING_EVENTS:
          subjects: [evt.billing.>]
  protonats generate
"""
    manifest = shop / "protonats.yaml"
    manifest.write_text(manifest.read_text() + "  BILLING_EVENTS:\n    subjects: [evt.billing.>]\n")
    assert "began  services/billing/service.py" in succeeded(protonats(shop, "generate"))


def test_what_is_added_follows_what_is_there(tmp_path: Path) -> None:
    project = TestProject(tmp_path)
    added = json.loads(succeeded(protonats(tmp_path, "new", "service", "billing", "--json")))
    assert added == {
        "path": "proto/acme/billing/v1/billing.proto",
        "service": "acme.billing.v1.BillingService",
    }

    command = ("new", "event", "PingLost", "--service", "PingService", "--json")
    assert json.loads(succeeded(protonats(tmp_path, *command))) == {
        "path": "proto/acme/ping/v1/ping.proto",
        "subject": "evt.ping.lost.v1",
        "stream": "EVENTS",
    }
    text = project.read("proto/acme/ping/v1/ping.proto")
    assert text.count("options.proto") == 1
    assert text.index("message Pinged") < text.index('subject: "evt.ping.lost.v1"')


def test_line_ends_stay_as_they_are(tmp_path: Path) -> None:
    TestProject(tmp_path)
    path = tmp_path / "proto/acme/pong/v1/pong.proto"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    succeeded(protonats(tmp_path, "new", "event", "Ponged", "--service", "pong"))

    text = path.read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n")
    assert b'\r\n\r\nimport "protonats/v1/options.proto";\r\n\r\nservice' in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("service", "ping"), "proto/acme/ping/v1/ping.proto exists, and nothing is overwritten"),
        (("event", "pinged", "--service", "ping"), "write what happened as one word"),
        (("event", "Pinged", "--service", "ping"), "acme/ping/v1/ping.proto has a message Pinged"),
        (("event", "Pinged", "--service", "pnig"), "no service is called 'pnig': did you mean"),
    ],
)
def test_what_is_there_or_unknown_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    project = TestProject(tmp_path)
    before = project.files()

    assert message in failed(protonats(tmp_path, "new", *arguments))
    assert project.files() == before
