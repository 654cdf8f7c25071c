"""Policies of methods: what the generator leaves out is what the runtime fills in."""

from __future__ import annotations

import dataclasses

import pytest

from protoc_gen_nats import model
from protonats import _info


@pytest.mark.parametrize(
    ("policy", "info"),
    [
        (model.RetryPolicy, _info.RetryInfo),
        (model.HedgingPolicy, _info.HedgingInfo),
        (model.IdempotencyPolicy, _info.IdempotencyInfo),
        (model.CachePolicy, _info.CacheInfo),
        (model.ConcurrencyLimit, _info.ConcurrencyInfo),
    ],
)
def test_fields_and_defaults_are_those_of_the_runtime(policy: type, info: type) -> None:
    assert _defaults(policy) == _defaults(info)


def test_levels_are_those_of_the_runtime() -> None:
    assert [level.name for level in model.Idempotency] == [
        level.name for level in _info.Idempotency
    ]


def _defaults(type_: type) -> list[tuple[str, object]]:
    return [(field.name, field.default) for field in dataclasses.fields(type_)]
