"""The plugin's parameter; what is said about a wrong one is in the golden cases."""

from __future__ import annotations

import pytest

from protoc_gen_nats.errors import Place, Problem, UserError, did_you_mean
from protoc_gen_nats.options import PluginOptions, parse_parameter


@pytest.mark.parametrize("parameter", ["", "target=python", " target=python , ", ",,"])
def test_defaults(parameter: str) -> None:
    assert parse_parameter(parameter) == PluginOptions(target="python", set="partial")


def test_several_options() -> None:
    assert parse_parameter("set=complete,target=python").set == "complete"


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("targt", ["target", "set"], "did you mean 'target'?"),
        ("x", ["target", "set"], "known: set, target"),
        ("x", [], "there are none"),
        (
            "x",
            [f"name{n:02}" for n in range(20)],
            "the nearest of 20 are name00, name01 and name02",
        ),
    ],
)
def test_did_you_mean(name: str, known: list[str], hint: str) -> None:
    assert did_you_mean(name, known) == hint


def test_problems_are_listed_once_in_the_order_of_the_files() -> None:
    late = Problem(Place("b.proto", 1, 2), "late")
    early = Problem(Place("a.proto", 10, 1), "early")
    nowhere = Problem(Place(), "nowhere")

    error = UserError([late, early, late, nowhere])

    assert str(error) == "nowhere\na.proto:10:1: early\nb.proto:1:2: late"
