"""The command line as its two users: people, and the one who deploys."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio import to_thread
from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from protonats.application import Application
from protonats.settings import Settings
from services.quest.service import QuestService
from services.weather_manager.service import WeatherManagerService
from tests.platform.nats.installation import GENERATED, Installation
from tests.platform.nats.raw import Raw
from tests.platform.tools import ROOT

pytestmark = pytest.mark.anyio

PLAN = ("--plan", str(GENERATED / "nats" / "jetstream.json"), "--replicas", "1")
HOUR = "evt.time.hour.changed.v1.overworld"


def run(installation: Installation, user: str, *arguments: str) -> Result:
    """A command as a user."""
    settings = installation.settings(user)
    variables = {
        "NATS_URL": settings.servers[0],
        "NATS_NAME": user,
        "NATS_CA": str(settings.tls_ca),
        "NATS_CERT": str(settings.tls_cert),
        "NATS_KEY": str(settings.tls_key),
        "NATS_NKEY": str(settings.nkey_seed_file),
    }
    return CliRunner().invoke(main, arguments, env=variables)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A server with what the deployer made, by the command line."""
    with Installation(tmp_path_factory.mktemp("people")).standing_alone() as installation:
        applied = run(installation, "deployer", "streams", "apply", *PLAN, "--yes", "--json")
        assert applied.exit_code == 0, applied.output
        yield installation


def test_the_deployer_makes_what_is_planned_and_deletes_nothing(fresh: Installation) -> None:
    planned = run(fresh, "deployer", "streams", "plan", *PLAN)
    assert "nothing to do" in planned.output.lower(), planned.output
    refused = run(
        fresh, "deployer", "streams", "apply", *PLAN, "--yes", "--delete", "DLQ",
        "--allow-destructive",
    )  # fmt: skip
    assert refused.exit_code == 1
    assert "DLQ" in run(fresh, "operator", "streams", "ls").output


def test_people_see_plans_and_make_nothing(fresh: Installation) -> None:
    planned = run(fresh, "operator", "streams", "plan", *PLAN)
    assert "nothing to do" in planned.output.lower(), planned.output
    with Raw(fresh, "operator") as operator:
        assert operator.publish("$JS.API.STREAM.CREATE.MINE", b"{}")


@asynccontextmanager
async def serving(
    installation: Installation, user: str, make: Callable[..., object]
) -> AsyncIterator[None]:
    settings = Settings(
        connection=installation.settings(user), health_address=None, grace_period=1.0
    )
    async with Application(settings) as app:
        await app.serve(make(app))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        yield


async def test_people_call_and_list(fresh: Installation) -> None:
    schema = ("--schema", str(ROOT / "generated" / "python"))

    async def operator(*arguments: str) -> Result:
        return await to_thread.run_sync(run, fresh, "operator", *arguments)

    async with serving(fresh, "quest", QuestService):
        listed = await operator("ls", "--json", *schema)
        assert [one["service"] for one in json.loads(listed.stdout)] == ["quest"], listed.output
        request = {"player_id": "ada", "difficulty": "DIFFICULTY_HARD", "level": 10}
        called = await operator("call", "quest.generate_quest", json.dumps(request), *schema)
        assert called.exit_code == 0, called.output
        events = await operator("subscribe", "evt.quest.>", "--from-start", "--count", "1", *schema)
        assert json.loads(events.stdout)["event"].endswith("QuestGenerated"), events.output
        doctor = await operator("doctor", "-C", str(ROOT), "--json")
        assert "ok" in doctor.output


async def test_people_replay_dead_letters(fresh: Installation) -> None:
    async def operator(*arguments: str) -> Result:
        return await to_thread.run_sync(run, fresh, "operator", *arguments)

    async with serving(fresh, "weather_manager", WeatherManagerService):
        with Raw(fresh, "time_manager") as clock:
            clock.publish(HOUR, b"\xff", headers="Nats-Msg-Id: unreadable")
        found: list[dict[str, object]] = []
        with anyio.fail_after(20):
            while not found:  # the command line takes its time itself
                found = json.loads((await operator("dlq", "list", "--json")).stdout)
        (letter,) = found
        assert letter["consumer"] == "weather_hours"
    replayed = await operator("dlq", "replay", "1", "--yes")
    assert replayed.exit_code == 0, replayed.output
    assert json.loads((await operator("dlq", "list", "--json")).stdout) == []
