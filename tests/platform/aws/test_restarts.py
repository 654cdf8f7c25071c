"""Services are restarted one after another, and what goes wrong stops that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.keys import restarts
from protoc_gen_nats.keys.restarts import Restarts

CLUSTER = "shop-production"
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


class Scripted:
    """An ECS that answers as a test says, in this order, and to exactly these calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = boto3.client(
            "ecs",
            region_name="eu-central-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )
        self.stubber = Stubber(client)
        self.waited: list[float] = []
        monkeypatch.setattr(restarts, "client", lambda service, region: client)
        self.restarts = Restarts(
            CLUSTER, "eu-central-1", interval=5.0, patience=15.0, wait=self.waited.append
        )

    def update(self, name: str) -> None:
        """Expects a restart."""
        expected = {"cluster": CLUSTER, "service": name, "forceNewDeployment": True}
        self.stubber.add_response("update_service", {}, expected)

    def describe(self, names: Sequence[str], *services: dict[str, Any]) -> None:
        """Expects a look."""
        expected = {"cluster": CLUSTER, "services": list(names)}
        self.stubber.add_response("describe_services", {"services": list(services)}, expected)


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    scripted = Scripted(monkeypatch)
    with scripted.stubber:
        yield scripted
    scripted.stubber.assert_no_pending_responses()


def service(
    name: str,
    *,
    state: str = "COMPLETED",
    running: int = 2,
    old: int = 0,
    created: datetime = BEGIN,
) -> dict[str, Any]:
    newest = {
        "status": "PRIMARY",
        "rolloutState": state,
        "rolloutStateReason": "tasks failed to start",
        "createdAt": created,
    }
    return {
        "serviceName": name,
        "status": "ACTIVE",
        "runningCount": running,
        "desiredCount": 2,
        "deployments": [newest, *([{"status": "ACTIVE", "createdAt": BEGIN}] * old)],
    }


def test_the_next_one_waits_until_the_last_one_is_stable(ecs: Scripted) -> None:
    ecs.update("order")
    ecs.describe(["order"], service("order", state="IN_PROGRESS", old=1))
    ecs.describe(["order"], service("order", old=1))
    ecs.describe(["order"], service("order", running=1))
    ecs.describe(["order"], service("order"))
    ecs.update("stock")
    ecs.describe(["stock"], service("stock"))
    assert [*ecs.restarts.restart(["order", "stock"])] == ["order", "stock"]
    assert ecs.waited == [5.0, 5.0, 5.0]


def test_one_that_fails_stops_the_rest(ecs: Scripted) -> None:
    ecs.update("order")
    ecs.describe(["order"], service("order", state="FAILED", old=1))
    with pytest.raises(UserError) as raised:
        list(ecs.restarts.restart(["order", "stock", "system"]))
    assert str(raised.value) == (
        "order did not start with its new secrets: tasks failed to start; not restarted: stock,"
        " system"
    )


def test_one_that_takes_too_long_stops_the_rest(ecs: Scripted) -> None:
    ecs.update("order")
    for _ in range(4):
        ecs.describe(["order"], service("order", state="IN_PROGRESS", old=1))
    with pytest.raises(UserError) as raised:
        list(ecs.restarts.restart(["order"]))
    assert str(raised.value) == "order is not stable after 15s"


def test_what_is_behind_is_what_started_before_its_secret_changed(ecs: Scripted) -> None:
    later = BEGIN + timedelta(seconds=1)
    names = [f"service_{number}" for number in range(11)]
    services = [service(name, created=later if name == "service_3" else BEGIN) for name in names]
    ended = {**service("service_4"), "status": "INACTIVE"}
    services[4] = ended
    ecs.describe(names[:10], *services[:10])
    ecs.describe(names[10:], *services[10:])
    behind = ecs.restarts.behind({**dict.fromkeys(names, later), "service_0": BEGIN})
    assert behind == [name for name in names if name not in ("service_0", "service_3", "service_4")]


def test_users_without_services_are_left_out(ecs: Scripted) -> None:
    ecs.describe(["operator"])
    assert ecs.restarts.behind({"operator": BEGIN}) == []


def test_aws_refuses(ecs: Scripted) -> None:
    ecs.stubber.add_client_error("update_service", "AccessDeniedException", "not you")
    with pytest.raises(UserError) as raised:
        list(ecs.restarts.restart(["order"]))
    assert str(raised.value) == "AWS refuses UpdateService: AccessDeniedException: not you"
