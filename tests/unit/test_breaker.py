"""The circuit breaker by a clock of the test's own."""

from __future__ import annotations

import asyncio
import logging

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from hypothesis import given
from hypothesis import strategies as st

from protonats._calling.breaker import Breaker, BreakerState
from protonats.errors import Code, ConfigurationError, StatusError
from protonats.settings import BreakerSettings, ConnectionSettings

CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN


class Rig:
    """A breaker, and the states that it went through."""

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self.states: list[BreakerState] = []
        self.breaker = Breaker(
            settings or BreakerSettings(), "acme.v1.Shop/Buy", self.states.append
        )

    @property
    def state(self) -> BreakerState:
        return self.breaker.state

    def fail(self, times: int, at: float = 0.0) -> None:
        for _ in range(times):
            self.breaker.failed(at)

    def succeed(self, times: int, at: float = 0.0) -> None:
        for _ in range(times):
            self.breaker.succeeded(at)

    def refusal(self, at: float) -> StatusError:
        with pytest.raises(StatusError) as error:
            self.breaker.admit(at)
        return error.value


def opened() -> Rig:
    rig = Rig()
    rig.fail(20)
    assert rig.state is OPEN
    return rig


def test_it_opens_at_half_the_calls_and_not_below() -> None:
    rig = Rig()
    rig.succeed(15)
    rig.fail(14)
    assert rig.state is CLOSED
    rig.fail(1)
    assert rig.state is OPEN
    assert rig.states == [OPEN]


def test_a_few_calls_open_nothing() -> None:
    rig = Rig()
    rig.fail(19)
    assert rig.state is CLOSED


def test_what_is_older_than_the_window_does_not_count() -> None:
    rig = Rig()
    rig.succeed(1000, at=100.0)
    rig.fail(19, at=105.0)
    assert rig.state is CLOSED
    rig.fail(1, at=110.5)
    assert rig.state is OPEN


def test_failures_that_are_forgotten_open_nothing() -> None:
    rig = Rig()
    for second in range(0, 1000, 10):
        rig.fail(19, at=float(second))
    assert rig.state is CLOSED


def test_an_open_breaker_refuses_and_says_why_and_until_when() -> None:
    error = opened().refusal(2.0)
    assert error.code is Code.UNAVAILABLE
    assert error.unhandled
    assert error.message == (
        "the circuit breaker of acme.v1.Shop/Buy is open: too many of its calls failed, the next"
        " one is let through in 3.0 s"
    )
    (info,) = error.details
    assert isinstance(info, RetryInfo)
    assert info.retry_delay.ToMilliseconds() == 3000


def test_one_call_at_a_time_probes_and_closes_it() -> None:
    rig = opened()
    assert rig.breaker.admit(5.0)
    assert rig.state is HALF_OPEN
    assert rig.refusal(5.0).code is Code.UNAVAILABLE
    rig.breaker.succeeded(5.0, probe=True)
    assert rig.states == [OPEN, HALF_OPEN, CLOSED]
    assert not rig.breaker.admit(5.0)
    rig.fail(19, at=5.0)
    assert rig.state is CLOSED


def test_a_probe_that_fails_opens_it_for_as_long_again() -> None:
    rig = opened()
    assert rig.breaker.admit(6.0)
    rig.breaker.failed(7.0, probe=True)
    assert rig.states == [OPEN, HALF_OPEN, OPEN]
    rig.refusal(11.9)
    assert rig.breaker.admit(12.0)


@pytest.mark.parametrize("late", ["succeeded", "failed"])
def test_calls_from_before_it_opened_decide_nothing(late: str) -> None:
    rig = opened()
    assert rig.breaker.admit(5.0)
    getattr(rig.breaker, late)(5.0)
    assert rig.state is HALF_OPEN


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ValueError("of an interceptor")])
def test_a_probe_that_was_given_up_leaves_its_place_to_the_next(error: BaseException) -> None:
    rig = opened()
    assert rig.breaker.admit(5.0)
    rig.breaker.ended(error, 5.0, connected=True, probe=True)
    assert rig.breaker.admit(5.0)


@pytest.mark.parametrize("code", Code)
def test_no_answer_is_a_failure_and_any_answer_is_none(code: Code) -> None:
    rig = Rig()
    for _ in range(20):
        rig.breaker.ended(StatusError(code), 0.0, connected=True, probe=False)
    failures = {Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED}
    assert (rig.state is OPEN) == (code in failures)


def test_it_says_once_that_it_opened_and_once_that_it_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "protonats")
    rig = Rig()
    rig.succeed(15)
    rig.fail(15)
    for second in (5.0, 10.0):
        assert rig.breaker.admit(second)
        rig.breaker.failed(second, probe=True)
    assert rig.breaker.admit(15.0)
    rig.breaker.succeeded(15.0, probe=True)
    rig.succeed(100, at=16.0)
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        (
            "WARNING",
            "the circuit breaker of acme.v1.Shop/Buy is open: 15 of 30 calls within 10 s failed,"
            " and the next one is let through in 5 s",
        ),
        ("INFO", "the circuit breaker of acme.v1.Shop/Buy is closed: a call was answered"),
    ]
    fields = [vars(record) for record in caplog.records]
    assert [each["breaker"] for each in fields] == ["open", "closed"]
    assert {each["rpc"] for each in fields} == {"acme.v1.Shop/Buy"}


def test_a_caller_without_connection_blames_no_service() -> None:
    rig = Rig()
    for _ in range(100):
        rig.breaker.ended(StatusError(Code.UNAVAILABLE), 0.0, connected=False, probe=False)
    assert rig.state is CLOSED


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(min_value=0.0, max_value=8.0, allow_nan=False)),
        max_size=200,
    )
)
def test_it_opens_by_the_calls_of_its_window_alone(calls: list[tuple[bool, float]]) -> None:
    """The window moves by tenths: its true length is between nine and ten tenths."""
    rig = Rig()
    now = 50.0
    history: list[tuple[float, bool]] = []
    for failed, pause in calls:
        now += pause
        history.append((now, failed))
        (rig.breaker.failed if failed else rig.breaker.succeeded)(now)
        if rig.state is OPEN:
            break
    if not history or not history[-1][1]:
        assert rig.state is CLOSED
        return

    def would_open(length: float) -> bool:
        recent = [failed for time, failed in history if time > now - length]
        return len(recent) >= 20 and sum(recent) >= 0.5 * len(recent)

    lengths = [9.0, 10.0, *(now - time for time, _ in history if 9.0 <= now - time <= 10.0)]
    assert (rig.state is OPEN) in {would_open(length + d) for length in lengths for d in (0, 1e-9)}


def test_the_environment_switches_it_off() -> None:
    assert ConnectionSettings.from_environment({}).breaker == BreakerSettings()
    assert ConnectionSettings.from_environment({"PROTONATS_BREAKER": "off"}).breaker is None
    with pytest.raises(ConfigurationError, match="PROTONATS_BREAKER is 'no': write on or off"):
        ConnectionSettings.from_environment({"PROTONATS_BREAKER": "no"})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"failure_ratio": 0.0}, "failure_ratio is 0: write a number above 0"),
        ({"failure_ratio": 1.5}, "failure_ratio is 1.5"),
        ({"min_calls": 0}, "min_calls is 0: write 1 or more"),
        ({"window": 0.0}, "window is 0: write a number of seconds, more than 0"),
        ({"open_time": -1.0}, "open_time is -1: write a number of seconds"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, float], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        BreakerSettings(**changes)  # type: ignore[arg-type]
