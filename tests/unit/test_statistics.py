"""What `protonats stats` calls a method."""

from __future__ import annotations

from typing import Any

import pytest

from protoc_gen_nats.live.statistics import snapshot
from protonats._asking import Answered


def endpoint(name: str, subject: str, queue_group: str = "q.acme.school") -> dict[str, Any]:
    return {"name": name, "subject": subject, "queue_group": queue_group}


@pytest.mark.parametrize(
    ("endpoints", "methods"),
    [
        ([endpoint("class", "svc.acme.school.v1.class")], {"class"}),
        ([endpoint("charge", "svc.acme.school.v1.charge_account.*")], {"charge_account"}),
        (
            [
                endpoint("get_pupil", "svc.acme.school.v1.pupil.get"),
                endpoint("set_pupil", "svc.acme.school.v1.pupil.set"),
            ],
            {"get_pupil", "set_pupil"},
        ),
        ([endpoint("time", "clock.time", "q")], {"time"}),
        ([{"name": "bare"}], {"bare"}),
    ],
)
def test_a_method_is_called_as_other_commands_take_it(
    endpoints: list[dict[str, Any]], methods: set[str]
) -> None:
    said = {"name": "school", "version": "1.0.0", "id": "a", "endpoints": endpoints}
    found = snapshot([Answered(said=said, seconds=0.0)], at=0.0)
    assert {method for _, (_, _, method) in found.methods} == methods
