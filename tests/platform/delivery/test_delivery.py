"""The workflow of the delivery, read by those who would read it: and what they must not accept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.node_packages import install_program
from tests.platform.delivery.linting import Linters, scripts_of
from tests.platform.tools import ROOT

WORKFLOW = (ROOT / "generated" / "deploy" / "delivery.yaml").read_text()


@pytest.fixture(scope="module")
def linters(tmp_path_factory: pytest.TempPathFactory) -> Linters:
    node = tmp_path_factory.mktemp("node")
    install_program(Path(__file__).with_name("node"), node)
    return Linters(node, tmp_path_factory.mktemp("workflow"))


def test_nobody_has_anything_to_say(linters: Linters) -> None:
    assert linters.problems_of(WORKFLOW) == []


def test_it_delivers_every_image_to_every_environment_one_after_the_other() -> None:
    jobs = yaml.safe_load(WORKFLOW)["jobs"]
    folders = (ROOT / "generated" / "deploy" / "images").iterdir()

    assert set(jobs["build"]["strategy"]["matrix"]["image"]) == {one.name for one in folders}
    assert [(name, job.get("needs")) for name, job in jobs.items()] == [
        ("check", None),
        ("build", "check"),
        ("deploy-dev", "build"),
        ("deploy-staging", "deploy-dev"),
        ("deploy-production", "deploy-staging"),
    ]


def test_scripts_hold_nothing_of_an_expression() -> None:
    assert not [name for name, script in scripts_of(WORKFLOW).items() if "${{" in script]


TWINS = {
    "actionlint: .*runner-label": ("runs-on: ubuntu-latest", "runs-on: ubuntu-newest"),
    "actionlint: .*job-needs": ("needs: build", "needs: built"),
    "actionlint: .*syntax-check": ("timeout-minutes: 15", "timeout-minute: 15"),
    'actionlint: .*property "picture"': ("matrix.image }}", "matrix.picture }}"),
    'actionlint: .*property "service"': ("steps.services.outcome", "steps.service.outcome"),
    "zizmor: artipacked": ("persist-credentials: false", "fetch-tags: false"),
    "zizmor: dangerous-triggers": ("pull_request:", "pull_request_target:"),
    "zizmor: excessive-permissions": ("permissions: {}", "permissions: write-all"),
    "zizmor: template-injection": ("run: protonats check", "run: echo ${{ github.head_ref }}"),
    "zizmor: undocumented-permissions": (" # AWS lets in whom GitHub vouches for", ""),
    "zizmor: unpinned-uses": (
        "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683",
        "actions/checkout@v4",
    ),
    "shellcheck: .*SC2086": ('docker rm "$container"', "docker rm $container"),
    "shellcheck: .*SC2034": ("code=$(aws", "kode=$(aws"),
    "own: .* belongs to one account": ("${{ vars.AWS_ACCOUNT_ID }}", "123456789012"),
    "own: build may run for ever": ("    timeout-minutes: 30\n", ""),
    "own: build pushes images of proposals": (
        "if: github.event_name != 'pull_request'\n      id: push",
        "id: push",
    ),
    "own: deploy-dev does not plan": ("name: Streams", "name: Stream"),
    "own: deploy-dev does not roll back": ("if: failure() &&", "if: success() &&"),
    "own: deploy-production asks nobody": ("    environment: production\n", ""),
}


@pytest.mark.parametrize("told", TWINS)
def test_what_they_refuse(linters: Linters, told: str) -> None:
    old, new = TWINS[told]
    assert old in WORKFLOW

    problems = linters.problems_of(WORKFLOW.replace(old, new), told.partition(":")[0])

    assert [one for one in problems if re.match(told, one)], problems
