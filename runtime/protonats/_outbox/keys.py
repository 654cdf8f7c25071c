"""Which arguments of a Redis command are keys, and what decides about their hash slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

_FIRST: Final = slice(0, 1)
_FIRST_TWO: Final = slice(0, 2)

# fmt: off
_PLACES: Final[Mapping[bytes, slice]] = {
    **dict.fromkeys((
        b"DEL", b"EXISTS", b"MGET", b"PFCOUNT", b"PFMERGE", b"RENAME", b"RENAMENX", b"SDIFF",
        b"SDIFFSTORE", b"SINTER", b"SINTERSTORE", b"SUNION", b"SUNIONSTORE", b"TOUCH", b"UNLINK",
    ), slice(None)),
    **dict.fromkeys((
        b"COPY", b"GEOSEARCHSTORE", b"LCS", b"LMOVE", b"RPOPLPUSH", b"SMOVE", b"ZRANGESTORE",
    ), _FIRST_TWO),
    **dict.fromkeys((b"MSET", b"MSETNX"), slice(None, None, 2)),
    b"BITOP": slice(1, None),
}
"""The keys of commands that may have more than one; all others have one, the first argument."""

_COUNTED: Final[Mapping[bytes, int]] = {
    **dict.fromkeys((b"ZDIFFSTORE", b"ZINTERSTORE", b"ZUNIONSTORE"), 1),
    **dict.fromkeys((
        b"LMPOP", b"MSETEX", b"SINTERCARD", b"ZDIFF", b"ZINTER", b"ZINTERCARD", b"ZMPOP", b"ZUNION",
    ), 0),
}
"""How many keys stand before the number of those that follow it."""
# fmt: on

_STORE: Final[Mapping[bytes, frozenset[bytes]]] = {
    b"SORT": frozenset({b"STORE"}),
    b"GEORADIUS": frozenset({b"STORE", b"STOREDIST"}),
    b"GEORADIUSBYMEMBER": frozenset({b"STORE", b"STOREDIST"}),
}
"""Commands with a further key behind a word."""


def keys_of(name: bytes, arguments: Sequence[bytes]) -> list[bytes]:
    """The keys of a command.

    Args:
        name: Its name, without the second word that some have.
        arguments: Its arguments, without that word.
    """
    name = name.upper()
    before = _COUNTED.get(name)
    if before is not None:
        step = 2 if name == b"MSETEX" else 1
        count = _number(arguments[before]) if len(arguments) > before else 0
        counted = arguments[before + 1 : before + 1 + count * step : step]
        return [*arguments[:before], *counted]
    keys = list(arguments[_PLACES.get(name, _FIRST)])
    words = _STORE.get(name)
    if words is not None:
        keys += [key for word, key in pairwise(arguments) if word.upper() in words]
    return keys


def hash_tag(key: bytes) -> bytes:
    """What decides about the hash slot of a key, as Redis Cluster reads it: what stands in its
    first pair of braces, the whole key where there is nothing."""
    begin = key.find(b"{")
    end = key.find(b"}", begin + 1)
    return key[begin + 1 : end] if begin >= 0 and end > begin + 1 else key


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else 0
