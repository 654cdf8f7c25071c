"""`protonats deploy render`: what only an account knows, filled in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main

DEFINITION = {
    "family": "shop-dev-order",
    "executionRoleArn": "${execution_role_arn}",
    "cpu": 256,
    "containerDefinitions": [
        {
            "image": "${image}",
            "secrets": [{"name": "SEED", "valueFrom": "${secret_arn}:seed::"}],
        }
    ],
}


@pytest.fixture
def definition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "task-definition.json"
    path.write_text(json.dumps(DEFINITION))
    return path


def render(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["deploy", "render", *arguments])


def test_everything_is_filled_in(definition: Path, tmp_path: Path) -> None:
    (tmp_path / "values.json").write_text(
        json.dumps({"secret_arn": "arn:s", "execution_role_arn": "arn:e", "cluster": "unused"})
    )

    result = render(definition.name, "--values", "values.json", "--set", 'image=shop/"order"=1')

    assert (result.exit_code, result.stderr) == (0, "")
    value = json.loads(result.stdout)
    assert value["executionRoleArn"] == "arn:e"
    assert value["cpu"] == 256
    assert value["containerDefinitions"] == [
        {"image": 'shop/"order"=1', "secrets": [{"name": "SEED", "valueFrom": "arn:s:seed::"}]}
    ]


def test_the_names_are_listed(definition: Path) -> None:
    assert render(definition.name, "--list").stdout == "execution_role_arn\nimage\nsecret_arn\n"


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (
            ("--set", "image=x"),
            1,
            "error: task-definition.json: nothing is given for execution_role_arn, secret_arn:"
            " write --set execution_role_arn=…\n",
        ),
        (("--set", "imag=x"), 2, "has no 'imag': did you mean 'image'?"),
        (("--set", "image"), 2, "--set image: write --set NAME=VALUE"),
        (("--values", "list.json"), 1, "list.json: not values: write an object of names and te"),
        (("--values", "broken.json"), 1, "broken.json: no JSON: Expecting"),
        (
            ("--values", "typo.json"),
            1,
            "nothing is given for execution_role_arn (did you mean 'execution_role_arm'?), image",
        ),
    ],
)
def test_what_is_missing_or_unknown_is_an_error(
    definition: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, error: str
) -> None:
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "typo.json").write_text('{"execution_role_arm": "x"}')

    result = render(definition.name, *arguments)

    assert (result.exit_code, result.stdout) == (code, "")
    assert error in result.stderr
