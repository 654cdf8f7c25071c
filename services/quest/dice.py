"""Chance that a seed decides: the same on every machine and with every version of Python."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Throws that follow from a seed alone.

    The generators of Python's `random` promise the same numbers for a seed, but not the same
    choices: a quest would change with an update of Python.
    """

    def __init__(self, seed: int) -> None:
        """
        Args:
            seed: 0 to 2**64 - 1.
        """
        self._seed = seed.to_bytes(8, "big")
        self._throws = 0

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1."""
        throw = self._throws.to_bytes(8, "big")
        self._throws += 1
        return int.from_bytes(blake2b(throw, key=self._seed, digest_size=16).digest()) % bound

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]
