"""The sizes of tasks that Fargate has."""

from __future__ import annotations

import pytest

from protoc_gen_nats.fargate import SIZES, advice_on_size, is_size

GIB = 1 << 30


@pytest.mark.parametrize(
    ("cpu", "gib", "exists"),
    [
        (256, 0.5, True),
        (256, 2, True),
        (256, 3, False),
        (512, 0.5, False),
        (512, 1.5, False),
        (1024, 8, True),
        (1024, 9, False),
        (4096, 30, True),
        (8192, 20, True),
        (8192, 18, False),
        (16384, 120, True),
        (16384, 36, False),
        (300, 1, False),
    ],
)
def test_cpu_and_memory_go_together(cpu: int, gib: float, exists: bool) -> None:
    assert is_size(cpu, int(gib * GIB)) == exists


@pytest.mark.parametrize(
    ("cpu", "gib", "advice"),
    [
        (256, 3, "256 with 2 GiB or 512 with 3 GiB"),
        (512, 0.5, "256 with 512 MiB or 512 with 1 GiB"),
        (1024, 1.5, "1024 with 2 GiB"),
        (2048, 64, "2048 with 16 GiB or 16384 with 64 GiB"),
        (16384, 500, "16384 with 120 GiB"),
    ],
)
def test_the_nearest_sizes_are_named(cpu: int, gib: float, advice: str) -> None:
    assert advice_on_size(cpu, int(gib * GIB)) == advice


def test_what_is_named_exists() -> None:
    for cpu in SIZES:
        for memory in range(GIB // 4, 130 * GIB, 3 * GIB // 4):
            for pair in advice_on_size(cpu, memory).split(" or "):
                units, size, unit = pair.replace(" with", "").split()
                assert is_size(int(units), int(float(size) * (GIB if unit == "GiB" else GIB >> 10)))
