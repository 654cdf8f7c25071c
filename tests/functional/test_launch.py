"""How the programs begin: without the generator, as `python -m`, and completed by a shell."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorResponse

from protoc_gen_nats.launch import _EXTRA
from tests.projects import ROOT, environment, run
from tests.schemas import code_generator_request, write_schema

SCHEMA = 'syntax = "proto3"; package acme.v1; message Nothing {}'


def without(module: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program where a module is not installed."""
    code = (
        f"import sys; sys.modules[{module!r}] = None;"
        f"from protoc_gen_nats.launch import {program}; {program}()"
    )
    return run(sys.executable, "-c", code, *arguments)


@pytest.mark.parametrize("module", ["click", "yaml", "jinja2"])
def test_the_command_says_which_extra_it_needs(module: str) -> None:
    done = without(module, "protonats", "check")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"protonats: the generator is not installed ({module} is missing), only the runtime:"
        " install it with `pip install 'protonats[codegen]'`\n"
    )


def test_the_plugin_says_which_extra_it_needs() -> None:
    done = without("jinja2", "plugin")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "protoc-gen-nats: the generator is not installed (jinja2 is missing), only the runtime:"
    )


def test_another_missing_module_is_a_defect() -> None:
    done = without("protobuf_that_nobody_has", "protonats", "--version")
    assert done.returncode == 0

    code = (
        "import sys; sys.modules['protoc_gen_nats.cli'] = None; from protoc_gen_nats import launch"
    )
    done = run(sys.executable, "-c", f"{code}; launch.protonats()")
    assert "ModuleNotFoundError" in done.stderr


def test_every_package_of_the_extra_is_known() -> None:
    """A package is known by its modules, which its distribution lists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [line.split(">")[0] for line in project["optional-dependencies"]["codegen"]]
    for name in set(names) - {"protovalidate"}:  # optional in the generator: its options are found
        files = metadata.files(name) or []
        tops = {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py"}
        assert tops & _EXTRA, name


def test_the_plugin_runs_as_a_module(tmp_path: Path) -> None:
    write_schema(tmp_path, "acme/v1/nothing.proto", SCHEMA)
    request = code_generator_request(tmp_path).SerializeToString()
    command = [sys.executable, "-m", "protoc_gen_nats"]
    done = subprocess.run(
        command, input=request, env=environment(), capture_output=True, timeout=60, check=True
    )

    response = CodeGeneratorResponse.FromString(done.stdout)
    assert response.error == ""
    assert [file.name for file in response.file if file.name.endswith(".pyi")]


def test_the_plugin_with_arguments_points_to_the_command_line() -> None:
    helped = run(sys.executable, "-m", "protoc_gen_nats", "--help")
    wrong = run(sys.executable, "-m", "protoc_gen_nats", "generate")

    assert (helped.returncode, wrong.returncode) == (0, 1)
    assert helped.stdout == wrong.stderr
    assert "for people: `protonats --help`" in helped.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell: str) -> None:
    done = protonats("completion", shell)

    assert done.returncode == 0
    assert "_PROTONATS_COMPLETE" in done.stdout
    if program := shutil.which(shell):
        checked = run(program, "-n", input=done.stdout)
        assert checked.returncode == 0, checked.stderr


def protonats(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from protoc_gen_nats.launch import protonats; protonats()"
    return run(sys.executable, "-c", code, *arguments)


def test_another_shell_is_refused() -> None:
    done = protonats("completion", "tcsh")

    assert done.returncode == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="this machine has no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("protonats", "gen"), ["generate"]),
        (("protonats", "new", ""), ["event", "service"]),
        (("protonats", "completion", "z"), ["zsh"]),
        (("protonats", "graph", "--format", "mer"), ["mermaid"]),
        (("protonats", "check", "--js"), ["--json"]),
    ],
)
def test_bash_completes(words: tuple[str, ...], expected: list[str], tmp_path: Path) -> None:
    program = tmp_path / "protonats"
    program.write_text(
        f"#!{sys.executable}\nfrom protoc_gen_nats.launch import protonats\nprotonats()\n"
    )
    program.chmod(0o755)
    script = tmp_path / "completion.bash"
    script.write_text(protonats("completion", "bash").stdout)
    line = " ".join(f"'{word}'" for word in words)
    code = (
        f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1};"
        f" _protonats_completion {program}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = run("bash", "--norc", "-c", code)

    assert done.stdout.split() == expected, done.stderr
