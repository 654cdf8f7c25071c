"""`make bench`: what a row says about its runs, and what the options choose."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

import bench.__main__
from bench.lab import Lab
from bench.measure import Benchmark, Figure, Part, Result, Row


def figure(
    name: str = "up",
    *,
    unit: str = "s",
    target: float | None = 3.0,
    bound: Literal["at most", "at least"] = "at most",
) -> Figure:
    """A figure that should not exceed 3 s, unless told otherwise."""
    return Figure(name=name, text=f"how long {name} takes", unit=unit, target=target, bound=bound)


def benchmark(name: str, *values: float) -> Part:
    """A figure whose runs come to these values, in a group of its own."""

    @contextmanager
    def prepare() -> Iterator[Callable[[], float]]:
        left = iter(values)
        yield lambda: next(left)

    made = Benchmark(figure=figure(name), runs=len(values), prepare=prepare)
    return made.part(f"group-of-{name}")


def test_a_row_is_the_median_of_the_runs_with_its_quartiles() -> None:
    assert figure().result([5.0, 1.0, 4.0, 2.0, 3.0]).row == Row(
        name="up", value=3.0, unit="s", low=2.0, high=4.0, target=3.0, met=True
    )


@pytest.mark.parametrize(
    ("values", "figures"),
    [([2.0], (2.0, 2.0, 2.0)), ([3.0, 1.0], (1.0, 2.0, 3.0))],
)
def test_few_runs_have_no_quartiles(
    values: list[float], figures: tuple[float, float, float]
) -> None:
    row = figure().result(values).row

    assert (row.low, row.value, row.high) == figures


def test_a_missed_target_is_not_rounded_away() -> None:
    row = figure().result([3.00001]).row

    assert (row.value, row.met) == (3.0, False)


@pytest.mark.parametrize(
    ("values", "bound", "met"),
    [
        ([1.0, 2.0, 2.5, 3.0, 9.0], "at most", True),
        ([1.0, 2.0, 2.5, 3.1, 9.0], "at most", False),
        ([1.0, 3.0, 3.5, 4.0, 9.0], "at least", True),
        ([1.0, 2.9, 3.5, 4.0, 9.0], "at least", False),
    ],
)
def test_a_ratio_is_met_when_its_worse_quartile_is(
    values: list[float], bound: Literal["at most", "at least"], met: bool
) -> None:
    assert figure(unit="×", bound=bound).result(values).row.met is met


def test_what_others_come_to_has_no_target() -> None:
    row = figure(target=None).result([1.0]).row

    assert (row.target, row.met) == (None, None)


def test_only_measures_what_is_named_and_json_goes_into_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = (benchmark("up"), benchmark("check", 1.0), benchmark("import", 9.0))
    monkeypatch.setattr(bench.__main__, "PARTS", parts)
    file = tmp_path / "rows.json"

    code = bench.__main__.main(
        ["--only", "check", "--only", "group-of-import", "--json", str(file)]
    )

    assert code == 0
    expected = {"unit": "s", "target": 3.0}
    assert json.loads(file.read_text()) == [
        {"name": "check", "value": 1.0, "low": 1.0, "high": 1.0, "met": True, **expected},
        {"name": "import", "value": 9.0, "low": 9.0, "high": 9.0, "met": False, **expected},
    ]
    assert "how long import takes" in capsys.readouterr().out


def test_a_part_that_fails_fails_alone_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(lab: Lab) -> Iterator[Result]:
        raise RuntimeError("nothing listens")

    parts = (
        Part(group="calls", figures=(figure("unary"),), measure=broken),
        benchmark("check", 1.0),
    )
    monkeypatch.setattr(bench.__main__, "PARTS", parts)
    file = tmp_path / "rows.json"

    assert bench.__main__.main(["--json", str(file)]) == 0

    unary, check = json.loads(file.read_text())
    assert (unary["value"], unary["met"]) == (None, False)
    assert check["met"] is True
    assert "unary: RuntimeError: nothing listens" in capsys.readouterr().out


def test_an_unknown_figure_is_refused_with_the_names_of_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as error:
        bench.__main__.main(["--only", "chek"])

    assert error.value.code == 2
    assert "import-service" in capsys.readouterr().err


def test_every_figure_has_a_name_of_its_own() -> None:
    names = [figure.name for part in bench.__main__.PARTS for figure in part.figures]

    assert len(names) == len(set(names))
    assert {"unary", "ping-pong", "slow-reader", "consume", "payload", "up"} <= set(names)


def test_a_profile_says_of_what_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench.__main__, "PARTS", (benchmark("up"),))

    assert bench.__main__.main(["--only", "up", "--profile"]) == 0
    assert "up: no work of two processes, so there is no profile" in capsys.readouterr().out
