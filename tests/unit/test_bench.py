"""`make bench`: what a row says about its runs, and what the options choose."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import bench.__main__
from bench.measure import Benchmark, Row, run


def benchmark(name: str, *values: float, target: float = 3.0) -> Benchmark:
    """A figure whose runs come to these values."""

    @contextmanager
    def prepare() -> Iterator[Callable[[], float]]:
        left = iter(values)
        yield lambda: next(left)

    return Benchmark(
        name=name,
        text=f"how long {name} takes",
        unit="s",
        target=target,
        runs=len(values),
        prepare=prepare,
    )


def test_a_row_is_the_median_of_the_runs_with_its_quartiles() -> None:
    assert run(benchmark("up", 5.0, 1.0, 4.0, 2.0, 3.0)) == Row(
        name="up", value=3.0, unit="s", low=2.0, high=4.0, target=3.0, met=True
    )


@pytest.mark.parametrize(
    ("values", "figures"),
    [((2.0,), (2.0, 2.0, 2.0)), ((3.0, 1.0), (1.0, 2.0, 3.0))],
)
def test_few_runs_have_no_quartiles(
    values: tuple[float, ...], figures: tuple[float, float, float]
) -> None:
    row = run(benchmark("up", *values))

    assert (row.low, row.value, row.high) == figures


def test_a_missed_target_is_not_rounded_away() -> None:
    row = run(benchmark("up", 3.00001))

    assert (row.value, row.met) == (3.0, False)


def test_only_measures_what_is_named_and_json_goes_into_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = (benchmark("up"), benchmark("check", 1.0), benchmark("import", 9.0))
    monkeypatch.setattr(bench.__main__, "BENCHMARKS", figures)
    file = tmp_path / "rows.json"

    code = bench.__main__.main(["--only", "check", "--only", "import", "--json", str(file)])

    assert code == 0
    figure = {"unit": "s", "target": 3.0}
    assert json.loads(file.read_text()) == [
        {"name": "check", "value": 1.0, "low": 1.0, "high": 1.0, "met": True, **figure},
        {"name": "import", "value": 9.0, "low": 9.0, "high": 9.0, "met": False, **figure},
    ]
    assert "how long import takes" in capsys.readouterr().out


def test_an_unknown_figure_is_refused_with_the_names_of_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as error:
        bench.__main__.main(["--only", "chek"])

    assert error.value.code == 2
    assert "import-service" in capsys.readouterr().err
