"""What someone gets who installs protonats: from a wheel, from the sdist, or from a checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from protonats import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = {
    f"protoc_gen_nats/{file.relative_to(ROOT).as_posix()}"
    for file in (ROOT / "templates").rglob("*")
    if file.is_file()
}
SCHEMA = """\
syntax = "proto3";
package acme.greeting.v1;
import "protonats/v1/options.proto";
service GreetingService {
  option (protonats.v1.service) = { description: "Greets." };
  rpc Greet(GreetRequest) returns (GreetResponse);
}
message GreetRequest { string name = 1; }
message GreetResponse { string text = 1; }
"""


def run(command: Sequence[str | Path], cwd: Path = ROOT) -> str:
    """Runs a command that must succeed; gives what it printed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(kind: str, source: Path, target: Path) -> Path:
    """Builds a distribution without network, with the hatchling of this environment."""
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation"]
    run([*command, "--outdir", target, source])
    (built,) = target.iterdir()
    return built


class Environment:
    """A new environment that holds nothing but what is installed into it, and its dependencies."""

    def __init__(self, folder: Path) -> None:
        run([sys.executable, "-m", "venv", "--without-pip", folder])
        self._binaries = folder / ("Scripts" if sys.platform == "win32" else "bin")
        self.python = self._binaries / "python"

    def install(self, *arguments: str | Path) -> None:
        """Installs with the pip of the running environment: the new one has none."""
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        run([*pip, "--python", str(self.python), "install", *arguments])

    def borrow_dependencies(self) -> None:
        """Makes the packages of the running environment importable, after the environment's own.

        A `.pth` file inside the borrowed directory is not read, so an editable install there, which
        is one, is not borrowed.
        """
        own = self.evaluate("import sysconfig; print(sysconfig.get_path('purelib'))")
        Path(own, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def evaluate(self, code: str) -> str:
        """What a program prints, run where no module of the repository can be found."""
        return run([self.python, "-c", code], cwd=self.python.parent).strip()

    def script(self, name: str, *arguments: str | Path) -> str:
        """Runs an installed command."""
        return run([self._binaries / name, *arguments], cwd=self.python.parent)

    def generates(self, scratch: Path) -> list[str]:
        """The names of the files that the installed plugin makes of a schema."""
        schema = scratch / "acme/greeting/v1/greeting.proto"
        schema.parent.mkdir(parents=True)
        schema.write_text(SCHEMA)
        output = scratch / "out"
        output.mkdir()
        plugin = f"--plugin=protoc-gen-nats={self._binaries / 'protoc-gen-nats'}"
        protoc = [sys.executable, "-m", "grpc_tools.protoc", plugin, f"--nats_out={output}"]
        run([*protoc, f"-I{ROOT / 'proto'}", f"-I{scratch}", schema])
        return sorted(file.name for file in output.rglob("*") if file.is_file())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the repository."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the wheel."""
    environment = Environment(tmp_path_factory.mktemp("installed") / "venv")
    environment.install("--no-deps", "--no-index", wheel)
    environment.borrow_dependencies()
    return environment


def contents(wheel: Path) -> dict[str, bytes]:
    """A wheel's files by name, without its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        return {name: archive.read(name) for name in names}


def test_the_wheel_holds_two_packages_with_types_templates_and_the_options(wheel: Path) -> None:
    files = contents(wheel)

    assert {name.split("/")[0] for name in files} == {"protonats", "protoc_gen_nats"}
    assert {name for name in files if "/templates/" in name} == TEMPLATES
    assert TEMPLATES
    assert (
        files["protonats/v1/options.proto"]
        == (ROOT / "proto/protonats/v1/options.proto").read_bytes()
    )
    assert {"protonats/py.typed", "protoc_gen_nats/py.typed"} <= files.keys()
    assert {"protonats/v1/options_pb2.py", "protonats/v1/options_pb2.pyi"} <= files.keys()


def test_the_wheel_says_its_version_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = f"protonats-{__version__}.dist-info"
        metadata = archive.read(f"{info}/METADATA").decode()
        assert f"{info}/licenses/LICENSE" in archive.namelist()

    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata


def test_a_wheel_from_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = build("sdist", ROOT, tmp_path / "sdist")
    run([sys.executable, "-m", "tarfile", "--extract", sdist, tmp_path / "source"])

    rebuilt = build("wheel", next((tmp_path / "source").iterdir()), tmp_path / "wheel")

    assert contents(rebuilt) == contents(wheel)


def test_the_base_install_needs_the_runtime_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    names = {requirement.split(">")[0] for requirement in project["dependencies"]}

    assert names.isdisjoint({"grpcio-tools", "jinja2", "click", "rich", "PyYAML", "black"})


def test_installed_commands_run(installed: Environment) -> None:
    assert "generate" in installed.script("protonats", "--help")


def test_an_installed_plugin_finds_its_templates(installed: Environment, tmp_path: Path) -> None:
    assert installed.generates(tmp_path) == ["greeting_nats.py", "greeting_pb2.pyi"]


def test_the_options_load_neither_nats_nor_redis(installed: Environment) -> None:
    loaded = installed.evaluate(
        "import sys, protonats.v1.options_pb2 as options;"
        "print(options.__file__, *{name.split('.')[0] for name in sys.modules})"
    ).split()

    assert str(installed.python.parents[1]) in loaded[0]
    assert "google" in loaded
    assert {"nats", "redis", "h11", "prometheus_client", "jinja2"}.isdisjoint(loaded)


def test_an_editable_install_finds_the_repositorys_templates(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    environment.borrow_dependencies()
    # The borrowed environment has protonats too, and that one is to stay as it is.
    alone = ("--no-deps", "--no-build-isolation", "--ignore-installed")
    environment.install(*alone, "--editable", ROOT)

    package = environment.evaluate("import protoc_gen_nats as package; print(package.__path__[0])")

    assert Path(package) == ROOT / "codegen" / "protoc_gen_nats"
    assert not Path(package, "templates").exists()
    assert environment.generates(tmp_path / "schema") == ["greeting_nats.py", "greeting_pb2.pyi"]


@pytest.mark.network
def test_the_oldest_supported_requirements_are_enough(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    environment.install("--require-hashes", "-r", ROOT / "requirements/lowest.txt")
    environment.install("--no-deps", "--no-index", wheel)

    loaded = environment.evaluate(
        "import google.protobuf, protonats, protonats.serve, protonats.v1.options_pb2 as options;"
        "[getattr(protonats, name) for name in protonats.__all__];"
        "print(google.protobuf.__version__, options.ServiceOptions(name='quest').name)"
    )

    assert loaded == "5.29.1 quest"


def test_the_options_load_with_the_newest_protobuf_without_a_warning() -> None:
    """The newest that is supported is the one that is locked."""
    code = "import protonats.v1.options_pb2 as options; print(options.service.number)"

    assert run([sys.executable, "-W", "error", "-c", code]).strip() == "226411001"
