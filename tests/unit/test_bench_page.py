"""The page and the tables that `make bench` makes of its results."""

from __future__ import annotations

import pytest

from bench import page, tables
from bench.measure import RATIO, Figure

UNARY = Figure(
    name="unary", text="calls/s, of nats-py's", unit=RATIO, target=1.3, bound="at least"
).result([1.4, 1.5, 1.6])
SLOW = Figure(name="slow-reader", text="growth of memory", unit="MiB", target=32.0)
CALLS = Figure(name="unary:grpc.aio", text="calls", unit="calls/s").result([7_654.0])
CLIENT = Figure(name="unary:grpc.aio:client", text="calls", unit="µs").result([106.4])


def test_a_page_has_each_figure_with_its_target_and_each_contender() -> None:
    lines = page.markdown([UNARY, CALLS, CLIENT], seconds=600.0).splitlines()

    assert "| `unary` | calls/s, of nats-py's | 1.5 × | 1.45 – 1.55 | ≥ 1.3 | yes |" in lines
    assert "| unary | grpc.aio | 7,654 calls/s | 106 |  |  |" in lines


def test_a_page_says_what_was_missed_and_what_was_not_measured() -> None:
    text = page.markdown([SLOW.result([40.0]), SLOW.failed("nothing came\nat all")], seconds=1.0)

    assert "| `slow-reader` | growth of memory | 40 MiB | 40 – 40 | ≤ 32 | **no** |" in text
    assert "| `slow-reader` | growth of memory | – |  | ≤ 32 | **no** |" in text
    assert "- `slow-reader`: nothing came\n" in text


def test_a_page_shows_what_is_encrypted_in_tables_of_its_own() -> None:
    encrypted = Figure(name="tls-unary", text="calls/s", unit=RATIO).result([1.2])

    plain, with_tls = page.markdown([UNARY, encrypted], seconds=1.0).split("## With TLS")

    assert "| `unary` |" in plain
    assert "| `tls-unary` |" in with_tls
    assert "`tls-unary`" not in plain
    assert "## With TLS" not in page.markdown([UNARY], seconds=1.0)


@pytest.mark.parametrize(
    ("seconds", "said"), [(41.2, "Measured in 41 seconds on"), (1_020.0, "Measured in 17 minutes")]
)
def test_a_page_says_how_long_measuring_took(seconds: float, said: str) -> None:
    assert said in page.markdown([UNARY], seconds=seconds)


def test_tables_show_figures_apart_from_contenders_and_say_a_problem_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tables.show([UNARY, CALLS, CLIENT, SLOW.failed("nothing came"), SLOW.failed("nothing came")])

    text = capsys.readouterr().out
    assert "≥ 1.3 ×" in text
    assert "7,654 calls/s" in text
    assert text.count("nothing came") == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.01234, "0.0123"), (1.3, "1.3"), (99.94, "99.9"), (28_900.4, "28,900")],
)
def test_numbers_have_three_digits_that_count(value: float | None, text: str) -> None:
    assert tables.number(value) == text
