"""What a handler wants to travel with its response, checked as it is set."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

from protonats._wire import metadata
from protonats.errors import StatusError


class OwnMetadata(MutableMapping[str, str]):
    """Metadata of a response, or its trailers: names and values as the rules of metadata want them.

    Attributes:
        left: Whether they have been sent, so that nothing can be added.
    """

    __slots__ = ("_lines", "_what", "left")

    def __init__(self, what: str) -> None:
        """
        Args:
            what: What they are, for the texts of errors.
        """
        self._what = what
        self._lines: dict[str, str] = {}
        self.left = False

    def __repr__(self) -> str:
        return repr(self._lines)

    def __getitem__(self, name: str) -> str:
        return self._lines[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __setitem__(self, name: str, value: str) -> None:
        """Sets a pair.

        Raises:
            ValueError: It cannot travel.
            RuntimeError: It is too late.
        """
        self._check_time()
        try:
            metadata.check({**self._lines, name: value})
        except StatusError as error:
            raise ValueError(f"the {self._what} of a response: {error.message}") from None
        self._lines[name] = value

    def __delitem__(self, name: str) -> None:
        self._check_time()
        del self._lines[name]

    def _check_time(self) -> None:
        if self.left:
            raise RuntimeError(
                f"the {self._what} of a stream travel ahead of its first message, which has been"
                " sent: set them before, or set trailers"
            )
