"""`protonats doctor`."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import CliRunner, Result

import protonats
from protoc_gen_nats.cli import main
from protoc_gen_nats.live.check_server import check_server
from protoc_gen_nats.live.findings import Finding, Level
from protoc_gen_nats.live.granted import Granted
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional.live.orders import Shop

SERVE = """["svc.order.v1.>", "$SRV.>", "_INBOX.order.>"]"""
USERS = f"""
authorization {{
  users: [
    {{user: all, password: x}}
    {{user: order, password: x, permissions: {{
      subscribe: {SERVE}
      publish: ["$SYS.REQ.USER.INFO", "_INBOX.>", "evt.orders.order.placed.v1.*",
                "evt.lights.blinked.v1", "$JS.API.STREAM.NAMES"]
    }}}}
    {{user: few, password: x, permissions: {{
      subscribe: {{allow: {SERVE}, deny: "svc.order.v1.add"}}
      publish: ["$SYS.REQ.USER.INFO", "$JS.API.STREAM.NAMES", "evt.orders.>"]
      allow_responses: true
    }}}}
    {{user: silent, password: x, permissions: {{subscribe: "_INBOX.>", publish: "x"}}}}
  ]
}}
"""


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True, config=USERS) as nats:
        yield nats


@pytest.fixture
def project(shop: Shop, tmp_path: Path) -> Path:
    """A copy of the project, to be spoilt."""
    folder = tmp_path / "project"
    shutil.copytree(shop.project.root, folder)
    return folder


def doctor(url: str, *options: str, **env: str) -> Result:
    env = {"NATS_URL": url, "NATS_STARTUP_TIMEOUT": "0.5", **env}
    return CliRunner().invoke(main, ["doctor", *options], env=env)


def findings(result: Result) -> dict[str, list[tuple[str, str]]]:
    """Level and text of each finding, by its area."""
    found: dict[str, list[tuple[str, str]]] = {}
    told: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if told["healthy"] else 1)
    for one in told["findings"]:
        assert bool(one["advice"]) == (one["level"] in ("warn", "fail")) or one["level"] == "skip"
        found.setdefault(one["area"], []).append((one["level"], one["text"]))
    return found


def login(nats: EmbeddedNats, user: str) -> str:
    return nats.url.replace("//", f"//{user}:x@")


def test_all_is_well(nats: EmbeddedNats, project: Path) -> None:
    url = login(nats, "all")
    applied = CliRunner().invoke(
        main, ["streams", "apply", "--yes", "-C", str(project)], env={"NATS_URL": url}
    )
    assert applied.exit_code == 0, applied.output
    result = doctor(url, "-C", str(project), "--service", "order")

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines == [line.rstrip() for line in lines]
    for expected in (
        "  ok    schemas compile: 2 files, 2 services",
        "  ok    generated code and runtime have contract 1",
        "  ok    user all of account $G",
        "  ok    this clock and the server's agree",
        "  ok    streams, consumers and buckets are as planned, 4 in all",
        "  ok    this user may do everything",
        "  skip  REDIS_URL is not set",
    ):
        assert expected in lines
    assert lines[-1].endswith(" ok, 1 skip.")


def test_streams_that_are_not_as_planned_are_found(shop: Shop, project: Path) -> None:
    with EmbeddedNats(jetstream=True) as empty:
        result = doctor(empty.url, "-C", str(project))
    assert result.exit_code == 1
    assert (
        "  fail  not as planned: ORDERS, DLQ, parcels, … (4 changes)\n"
        "        → see what differs with `protonats streams plan`, and `apply` it\n"
    ) in result.stdout


def test_a_server_without_jetstream_is_found(project: Path) -> None:
    with EmbeddedNats() as plain:
        found = findings(doctor(plain.url, "-C", str(project), "--json"))
    assert found["server"][-1] == (
        "fail",
        "JetStream does not answer: durable events and buckets need it",
    )
    assert found["streams"] == [("skip", "streams cannot be compared: JetStream does not answer")]


def test_a_small_max_payload_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with EmbeddedNats(config="max_payload: 4096") as small:
        found = findings(doctor(small.url, "--json"))
    assert ("warn", "max_payload is 4096 bytes: larger messages go in many parts") in found[
        "server"
    ]


def test_a_user_with_the_rights_of_its_service_is_well(nats: EmbeddedNats, project: Path) -> None:
    found = findings(doctor(login(nats, "order"), "-C", str(project), "--json", NATS_NAME="order"))
    (border, _), (level, text) = found["permissions"]
    assert (border, level) == ("warn", "ok")
    assert text.startswith("this user has all rights that order needs: ")


def test_missing_rights_are_named_with_what_fails_without_them(
    nats: EmbeddedNats, project: Path
) -> None:
    result = doctor(login(nats, "few"), "-C", str(project), "--json", NATS_NAME="order")
    found = findings(result)
    assert found["permissions"] == [
        ("fail", "order has to publish to evt.lights.blinked.v1, and this user may not"),
        (
            "fail",
            "order has to subscribe to svc.order.v1.add in queue group q.order, and this user may"
            " not",
        ),
        ("fail", "order has streams, and this user may answer a request once only"),
    ]


def test_rights_of_callers_and_consumers_are_compared(nats: EmbeddedNats, project: Path) -> None:
    found = findings(
        doctor(
            login(nats, "order"), "-C", str(project), "--service", "shipping", "--json",
            NATS_NAME="order",
        )
    )  # fmt: skip
    missing = {text for level, text in found["permissions"] if level == "fail"}
    for right in (
        "publish to svc.order.v1.place",
        "publish to svc.order.v1._i.*.*",
        "publish to $JS.API.CONSUMER.MSG.NEXT.ORDERS.shipping",
        "publish to $KV.parcels.>",
        "subscribe to _INBOX.shipping.>",
    ):
        assert f"shipping has to {right}, and this user may not" in missing


def test_rights_that_nobody_tells_are_left_out(nats: EmbeddedNats, project: Path) -> None:
    found = findings(doctor(login(nats, "silent"), "-C", str(project), "--json"))
    assert found["permissions"] == [("skip", "what this user may do is not known")]
    assert ("skip", "the server does not say who this user is") in found["server"]


def _no_manifest_key(project: Path) -> None:
    (project / "protonats.yaml").write_text("version: 1\nstraems: {}\n")


def _edited(project: Path) -> None:
    path = project / "generated/python/acme/orders/v1/orders_nats.py"
    path.write_text(path.read_text() + "\n")


def _of_another_contract(project: Path) -> None:
    path = project / "generated/python/acme/orders/v1/orders_nats.py"
    path.write_text(path.read_text().replace("require_contract(1)", "require_contract(9)"))


def _wrong_schema(project: Path) -> None:
    path = project / "proto/acme/orders/v1/orders.proto"
    path.write_text(path.read_text().replace("int32 quantity", "int33 quantity"))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_no_manifest_key, "protonats.yaml:2:1: "),
        (_edited, "not what the schemas say: 1 generated file, hand-edited"),
        (_of_another_contract, "the code is generated for contract 9, the runtime has 1"),
        (_wrong_schema, 'proto/acme/orders/v1/orders.proto:38:3: "int33" is not defined.'),
    ],
)
def test_what_is_wrong_with_a_project_is_found(
    shop: Shop, project: Path, spoil: Callable[[Path], None], problem: str
) -> None:
    spoil(project)
    found = findings(doctor(shop.nats.url, "-C", str(project), "--json"))
    texts = [text for level, text in found["project"] if level == "fail"]
    assert any(text.startswith(problem) for text in texts), found["project"]


def test_a_server_that_is_not_there_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctor("nats://127.0.0.1:9", "--json", REDIS_URL="redis://127.0.0.1:9")
    told = json.loads(result.stdout)["findings"]
    failed = [one for one in told if one["level"] == "fail"]
    assert [one["area"] for one in failed] == ["server", "redis"]
    assert failed[0]["advice"].startswith("is it running there?")
    assert failed[1]["text"].startswith("no Redis answers at redis://127.0.0.1:9 within 2 s")


def test_a_folder_without_a_project_is_no_failure(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctor(shop.nats.url)
    assert result.exit_code == 0, result.output
    assert "  skip  there is no protonats.yaml here or above\n" in result.stdout


async def _found_on(nats: EmbeddedNats, user: dict[str, Any]) -> list[Finding]:
    async with await protonats.connect(login(nats, "all")) as connection:
        return [one async for one in check_server(connection, user)]


def test_a_clock_that_is_wrong_is_found(nats: EmbeddedNats) -> None:
    found = asyncio.run(
        _found_on(nats, {"server": {"time": "2020-01-01T00:00:00.123456789Z"}, "data": {}})
    )
    (clock,) = (
        one for one in found if one.text.startswith("this clock and the server's differ by ")
    )
    assert clock.level is Level.WARN
    assert clock.advice == "set them by NTP: times of events would mislead"


def test_redis_that_answers_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with EmbeddedRedis() as redis, EmbeddedNats(jetstream=True) as server:
        result = doctor(server.url, REDIS_URL=redis.url)
    assert result.exit_code == 0, result.output
    assert f"  ok    Redis answers at {redis.url}\n" in result.stdout


def test_nothing_is_found_without_what_to_do_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nats: EmbeddedNats, project: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("protoc_gen_nats.live.check_project.util.find_spec", lambda name: None)
    with EmbeddedNats(config="max_payload: 4096") as small:
        said = doctor(small.url, REDIS_URL="redis://127.0.0.1:9").stdout
    said += doctor(login(nats, "few"), "-C", str(project), NATS_NAME="order").stdout
    said += doctor(login(nats, "few"), "-C", str(project), NATS_NAME="shipping").stdout
    for text, advice in (
        ("protoc is missing", "install it with `pip install 'protonats[codegen]'`"),
        (
            "max_payload is 4096 bytes: larger messages go in many parts",
            "raise max_payload in the server's configuration; 1MB is its default",
        ),
        ("no Redis answers at redis://127.0.0.1:9 within 2 s", "start it, or set REDIS_URL to"),
        (
            "order has to publish to evt.lights.blinked.v1, and this user may not",
            "allow publish of evt.lights.blinked.v1; `protonats explain order` says why",
        ),
        (
            "order has streams, and this user may answer a request once only",
            "allow publish of its callers' inboxes, or allow_responses with max: -1",
        ),
    ):
        lines = said.splitlines()
        at = next((i for i, line in enumerate(lines) if text in line), None)
        assert at is not None, f"{text} is not in\n{said}"
        assert f"→ {advice}" in lines[at + 1]


def test_callers_in_other_accounts_need_a_right_of_their_own(
    nats: EmbeddedNats, project: Path
) -> None:
    said = doctor(login(nats, "order"), "-C", str(project), NATS_NAME="order").stdout
    assert (
        "  warn  order cannot answer callers of other accounts\n"
        "        → allow publish of _R_.> if there are any\n"
    ) in said


def test_a_problem_of_a_project_leads_to_the_command_that_shows_all(
    shop: Shop, project: Path
) -> None:
    _no_manifest_key(project)
    said = doctor(shop.nats.url, "-C", str(project)).stdout
    assert "→ see them all with `protonats check`" in said


def test_warnings_of_schemas_are_counted(shop: Shop, project: Path) -> None:
    path = project / "proto/acme/orders/v1/orders.proto"
    call = '{domain: "order", publishes: "acme.orders.v1.Blinked", version: "1.2.0"}'
    path.write_text(path.read_text().replace('{domain: "order", version: "1.2.0"}', call))
    said = doctor(shop.nats.url, "-C", str(project)).stdout
    assert "→ see them with `protonats check`" in said


def test_a_method_that_keeps_answers_wants_redis(shop: Shop, project: Path) -> None:
    path = project / "proto/acme/orders/v1/orders.proto"
    path.write_text(path.read_text().replace("{timeout: {seconds: 3}}", "{idempotency: {}}"))
    said = doctor(shop.nats.url, "-C", str(project)).stdout
    assert (
        "  warn  REDIS_URL is not set: acme.orders.v1.OrderService.Place keeps answers there\n"
        "        → set REDIS_URL, for example redis://127.0.0.1:6379\n"
    ) in said


def test_an_account_without_jetstream_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    accounts = """
    no_auth_user: plain
    accounts {
      PLAIN: {users: [{user: plain, password: x}]}
      STORING: {users: [{user: storing, password: x}], jetstream: enabled}
    }
    """
    with EmbeddedNats(jetstream=True, config=accounts) as server:
        said = doctor(server.url).stdout
    assert (
        "  fail  JetStream: JetStream not enabled for account\n"
        "        → switch it on for this account\n"
    ) in said


def test_an_old_server_is_found(nats: EmbeddedNats) -> None:
    async def found() -> list[tuple[str, str]]:
        async with await protonats.connect(login(nats, "all")) as connection:
            connection.jetstream._nc._server_info["version"] = "2.9.25"
            return [(one.text, one.advice) async for one in check_server(connection, None)]

    assert asyncio.run(found())[0] == ("nats-server 2.9.25", "upgrade it to 2.10 or newer")


@pytest.mark.parametrize(
    ("told", "verb", "subject", "allowed"),
    [
        ({}, "publish", "evt.a", True),
        ({"publish": {"allow": ["evt.>"]}}, "publish", "evt.a.*", True),
        ({"publish": {"allow": ["evt.*"]}}, "publish", "evt.a.*", False),
        ({"publish": {"allow": ["evt.>"], "deny": ["evt.a.b"]}}, "publish", "evt.a.*", False),
        ({"publish": {"deny": ["evt.>"]}}, "publish", "svc.a", True),
        ({"subscribe": {"allow": ["svc.a q.a"]}}, "subscribe", "svc.a q.a", True),
        ({"subscribe": {"allow": ["svc.a q.b"]}}, "subscribe", "svc.a q.a", False),
        ({"subscribe": {"allow": ["svc.a q.a"]}}, "subscribe", "svc.a", False),
        ({"subscribe": {"allow": ["svc.>"]}}, "subscribe", "svc.a q.a", True),
        ({"subscribe": {"deny": ["svc.a q.b"]}}, "subscribe", "svc.a q.a", True),
        ({"subscribe": {"allow": ["svc.a"]}}, "publish", "svc.b", True),
        ({"publish": {"allow": ["x"]}, "responses": {"max": 1}}, "publish", "_INBOX.>", True),
        ({"publish": {"allow": ["x"]}}, "publish", "_INBOX.>", False),
    ],
)
def test_rights_are_read_as_the_server_means_them(
    told: dict[str, Any], verb: Literal["publish", "subscribe"], subject: str, allowed: bool
) -> None:
    assert Granted(told=told).allows(verb, subject) is allowed
