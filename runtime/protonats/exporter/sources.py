"""Whether those who are asked answered, and what they said last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from protonats.errors import ProtonatsError
from protonats.exporter.samples import Sample

__all__ = ["Answer", "Source"]

_logger = logging.getLogger("protonats")

_EXPECTED: Final = (OSError, ProtonatsError)
"""What is told without a traceback."""

Answer: TypeAlias = tuple[Iterable[Sample], Sequence[str]]
"""Figures, and why some are missing."""


class Source:
    """One of those who are asked.

    Attributes:
        samples: What it said last; what it did not answer is not there.
    """

    def __init__(self, name: str) -> None:
        self.samples: list[Sample] = []
        self._name = name
        self._is_up: bool | None = None
        self._errors = 0
        self._seconds = 0.0

    async def poll(self, ask: Callable[[], Awaitable[Answer]], timeout: float) -> None:
        """Asks it. Whatever comes of that, the other sources are asked as well.

        Args:
            ask: Gets the answer.
            timeout: Seconds for it.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        samples: list[Sample] = []
        unexpected: Exception | None = None
        try:
            async with asyncio.timeout(timeout):
                figures, problems = await ask()
                samples = list(figures)
        except TimeoutError:
            problems = [f"no answer within {timeout:g} s"]
        except Exception as error:
            problems = [str(error) or type(error).__name__]
            unexpected = error
        self.samples = samples
        self._seconds = loop.time() - start
        self._note(problems, unexpected)

    def figures(self) -> Iterator[Sample]:
        """What the exporter tells of it, after what it said."""
        yield from self.samples
        labels = {"source": self._name}
        yield Sample("protonats_exporter_errors_total", float(self._errors), labels)
        if self._is_up is not None:
            yield Sample("protonats_exporter_source_up", float(self._is_up), labels)
            yield Sample("protonats_exporter_poll_seconds", self._seconds, labels)

    def _note(self, problems: Sequence[str], error: Exception | None) -> None:
        self._errors += len(problems)
        is_up = not problems
        # Said once: the metrics tell how it goes on.
        if is_up and self._is_up is False:
            _logger.info("%s answers again", self._name)
        elif not is_up and self._is_up is not False:
            known = error is None or isinstance(error, _EXPECTED)
            _logger.warning(
                "%s does not answer: %s",
                self._name,
                "; ".join(problems),
                exc_info=None if known else error,
            )
        self._is_up = is_up
