"""The sizes that a task on Fargate can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protoc_gen_nats.quantities import size_text

__all__ = ["advice_on_size", "is_size"]

_MIB = 1 << 20
_GIB = 1 << 30

SIZES: Mapping[int, tuple[int, ...]] = {
    256: (512 * _MIB, 1 * _GIB, 2 * _GIB),
    **{
        cpu: tuple(range(least * _GIB, (most + 1) * _GIB, step * _GIB))
        for cpu, least, most, step in (
            (512, 1, 4, 1),
            (1024, 2, 8, 1),
            (2048, 4, 16, 1),
            (4096, 8, 30, 1),
            (8192, 16, 60, 4),
            (16384, 32, 120, 8),
        )
    },
}
"""The bytes of memory that go with each number of CPU units."""


def is_size(cpu: int, memory: int) -> bool:
    """Whether there are tasks with so many CPU units and bytes of memory."""
    return memory in SIZES.get(cpu, ())


def advice_on_size(cpu: int, memory: int) -> str:
    """The nearest sizes to one that does not exist, for people: `256 with 2 GiB or 512 with
    4 GiB`."""
    pairs = sorted(set(_nearest(cpu, memory)))
    return " or ".join(f"{units} with {size_text(size)}" for units, size in pairs)


def _nearest(cpu: int, memory: int) -> Iterator[tuple[int, int]]:
    """Of this CPU the next memory below and above, and of this memory the next CPU."""
    memories = SIZES.get(cpu, ())
    below = [one for one in memories if one < memory]
    above = [one for one in memories if one > memory]
    yield from ((cpu, one) for one in (*below[-1:], *above[:1]))
    units = [one for one, fitting in SIZES.items() if memory in fitting]
    if units:
        yield min(units, key=lambda one: abs(one - cpu)), memory
