"""What may go wrong with messages on their way."""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from protonats._wire import subjects

__all__ = ["Faults"]

_HELD_BACK: Final = 0.02
"""Seconds by which a message is late that others overtake."""

_NUMBERS: Final = ("latency", "jitter", "loss", "duplication", "reordering")
_PROBABILITIES: Final = frozenset({"duplication", "loss", "reordering"})
_SECONDS: Final = frozenset({"latency", "jitter"})


class Faults:
    """The faults of a `LocalPlatform`; each may be changed at any time, for what is sent from then
    on.

        platform.faults.latency = 0.05
        platform.faults.loss = lambda subject: subject.startswith("svc.quest.")

    Attributes:
        latency: Seconds that a message is under way, from its sender to its receiver: a call takes
            twice as long.
        jitter: Seconds at most that come on top, at random; messages of one sender keep their
            order.
        loss: The probability, 0 to 1, with which a message is lost; or a function that tells, by
            its subject, whether it is.
        duplication: The probability with which a message arrives twice.
        reordering: The probability with which a message is overtaken by those of the next 20 ms.
        subjects: Which messages all this happens to: a subject, with wildcards.
    """

    latency: float
    jitter: float
    loss: float | Callable[[str], bool]
    duplication: float
    reordering: float
    subjects: str

    def __init__(
        self,
        *,
        latency: float = 0.0,
        jitter: float = 0.0,
        loss: float | Callable[[str], bool] = 0.0,
        duplication: float = 0.0,
        reordering: float = 0.0,
        subjects: str = ">",
        seed: int = 0,
    ) -> None:
        """The arguments are the attributes, and `seed`, which chance begins with: the same seed
        gives the same messages the same faults.

        Raises:
            ValueError: A value is out of its range; also where an attribute is set.
            TypeError: A value is no number; also there.
            AttributeError: An attribute is set that there is not.
        """
        self._random = random.Random(seed)
        self.latency = latency
        self.jitter = jitter
        self.loss = loss
        self.duplication = duplication
        self.reordering = reordering
        self.subjects = subjects

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _NUMBERS:
            _check_number(name, value)
        elif name == "subjects":
            _check_subject(value)
        elif name != "_random":
            close = difflib.get_close_matches(name, _NUMBERS, n=1)
            known = f"write {', '.join(_NUMBERS)} or subjects"
            hint = f"did you mean {close[0]!r}?" if close else known
            raise AttributeError(f"there is no fault {name!r}: {hint}")
        super().__setattr__(name, value)

    def heal(self) -> None:
        """Ends all faults."""
        self.latency = self.jitter = self.loss = self.duplication = self.reordering = 0.0
        self.subjects = ">"

    def fate(self, subject: str) -> Iterator[tuple[float, bool]]:
        """What becomes of a message: for each of its arrivals the seconds until then, and whether
        it waits for those that were sent before."""
        if not subjects.matches(self.subjects, subject):
            yield 0.0, False
            return
        loss = self.loss
        if loss(subject) if callable(loss) else self._happens(loss):
            return
        yield self._delay()
        if self._happens(self.duplication):
            yield self._delay()

    def _delay(self) -> tuple[float, bool]:
        seconds = self.latency
        if self.jitter:
            seconds += self._random.uniform(0, self.jitter)
        if self._happens(self.reordering):
            return seconds + _HELD_BACK, False
        return seconds, True

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability


def _check_number(name: str, value: Any) -> None:
    if name == "loss" and callable(value):
        return
    if not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}: write a number")
    if name in _SECONDS and not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value!r}: write seconds, 0 or more")
    if name in _PROBABILITIES and not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}: write a probability, 0 to 1")


def _check_subject(value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"subjects is {value!r}: write a subject")
