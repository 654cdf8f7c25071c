"""The nearer tier of a cache: the memory of the process."""

from __future__ import annotations


class LocalTier:
    """Values by key, the ones that were used last; bounded in number and in bytes."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        """
        Args:
            max_entries: How many values are kept.
            max_bytes: How many bytes keys and values may have together.
        """
        self._entries: dict[bytes, tuple[bytes, float]] = {}
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """How many bytes keys and values have."""
        return self._bytes

    def get(self, key: bytes, now: float) -> bytes | None:
        """The value, unless it is not kept or was good until `now` or before."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        if entry[1] <= now:
            self._bytes -= len(key) + len(entry[0])
            return None
        # The last one in the dictionary is the one that was used last.
        self._entries[key] = entry
        return entry[0]

    def put(self, key: bytes, value: bytes, until: float) -> None:
        """Keeps a value until a time, in place of what was used longest ago; not one that is larger
        than all values together may be."""
        self.remove(key)
        size = len(key) + len(value)
        if size > self._max_bytes or self._max_entries < 1:
            return
        self._entries[key] = (value, until)
        self._bytes += size
        while self._bytes > self._max_bytes or len(self._entries) > self._max_entries:
            self.remove(next(iter(self._entries)))

    def remove(self, key: bytes) -> None:
        """Forgets a value, if it is kept."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(key) + len(entry[0])

    def clear(self) -> None:
        """Forgets all values."""
        self._entries.clear()
        self._bytes = 0
