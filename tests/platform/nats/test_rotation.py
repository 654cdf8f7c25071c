"""Ninety days later: other keys, other certificates, another CA, with calls running throughout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2
from bodybroker.quest.v1.quest_nats import QuestServiceClient
from protoc_gen_nats.certificates.issuing import Issuer
from protoc_gen_nats.certificates.local import LocalAuthority
from protoc_gen_nats.environments import CertificateSettings
from protoc_gen_nats.keys.folder import FolderStore
from protonats.application import Application
from protonats.connection import connect
from protonats.settings import Settings
from services.quest.service import QuestService
from tests.platform.nats.installation import (
    HOST,
    Installation,
    now,
    provision_as_deployer,
    until,
)
from tests.platform.nats.raw import Raw, can_log_in

pytestmark = pytest.mark.anyio

REQUEST = quest_pb2.GenerateQuestRequest(
    player_id="ada",
    difficulty=common_pb2.DIFFICULTY_HARD,
    level=10,
    theme=quest_pb2.QUEST_THEME_DELIVERY,
)


both_logins = pytest.mark.parametrize("installation", ["nkeys", "jwt"], indirect=True)


@pytest.fixture
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """A server with all that the service needs, whose keys and certificates may be changed."""
    login = getattr(request, "param", "nkeys")
    with Installation(tmp_path, login=login).standing_alone() as installation:
        asyncio.run(provision_as_deployer(installation, replicas=1))
        yield installation


@asynccontextmanager
async def quests(installation: Installation) -> AsyncIterator[None]:
    """An instance of the service, with the key and the certificate of this moment."""
    settings = Settings(
        connection=installation.settings("quest"), health_address=None, grace_period=5.0
    )
    async with Application(settings) as application:
        await application.serve(QuestService(application))
        yield


@asynccontextmanager
async def calls(installation: Installation) -> AsyncIterator[Callable[[], int]]:
    """Calls one after another until the end of the block. None may fail. Gives what counts them."""
    done = 0

    async def call(client: QuestServiceClient) -> None:
        nonlocal done
        while True:
            await client.generate_quest(REQUEST, timeout=2.0)
            done += 1

    async with (
        await connect(installation.settings("operator")) as operator,
        asyncio.TaskGroup() as group,
    ):
        caller = group.create_task(call(QuestServiceClient(operator)))
        yield lambda: done
        caller.cancel()


async def more(count: Callable[[], int], number: int = 20) -> None:
    """Returns after some more calls."""
    wanted = count() + number
    await eventually(lambda: count() >= wanted, f"{number} more calls")


def connections(installation: Installation) -> dict[str, list[dict[str, Any]]]:
    """What the server says of its clients, by name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in installation.nodes[0].told("connz?auth=1")["connections"]:
        found.setdefault(one.get("name", ""), []).append(one)
    return found


def ids(installation: Installation) -> dict[str, list[int]]:
    """The ids of the connections, by name."""
    return {
        name: sorted(one["cid"] for one in found)
        for name, found in connections(installation).items()
    }


async def eventually(condition: Callable[[], object], what: str) -> None:
    """Returns when a condition holds; calls go on."""
    await asyncio.to_thread(until, condition, what)


async def reload(installation: Installation) -> None:
    """Has the server read everything again."""
    await asyncio.to_thread(installation.nodes[0].reload)


@both_logins
async def test_keys_rotate_while_calls_run(installation: Installation) -> None:
    old = installation.seeds["quest"], installation.tokens.get("quest", "")
    first, second = AsyncExitStack(), AsyncExitStack()
    async with second, first:
        await first.enter_async_context(quests(installation))
        async with calls(installation) as count:
            await more(count)
            before = ids(installation)
            installation.login.rotate(["quest"])
            installation.take_keys()
            await reload(installation)
            await more(count)
            assert ids(installation) == before
            assert installation.seeds["quest"] != old[0]
            assert await asyncio.to_thread(can_log_in, installation, "quest", *old)
            # As a rolling deployment does: the new instance is there before the old one goes.
            await second.enter_async_context(quests(installation))
            await more(count)
            assert len(ids(installation)["quest"]) == 2
            await first.aclose()
            await more(count)
            await eventually(lambda: len(ids(installation)["quest"]) == 1, "the first has gone")
            after = ids(installation)
            assert after["operator"] == before["operator"]
            installation.login.finish(["quest"])
            installation.take_keys()
            await reload(installation)
            await more(count)
            assert ids(installation) == after
    assert not can_log_in(installation, "quest", *old)
    Raw(installation, "quest").close()


@both_logins
async def test_who_still_has_the_old_key_at_the_end_is_cut_off(installation: Installation) -> None:
    async with quests(installation):
        before = ids(installation)["quest"]
        installation.login.rotate(["quest"])
        installation.login.finish(["quest"])
        installation.take_keys()
        await reload(installation)
        await eventually(lambda: "quest" not in ids(installation), f"{before} have ended")


async def test_certificates_are_renewed_while_calls_run(installation: Installation) -> None:
    first = certificate(installation.cert)
    async with quests(installation), calls(installation) as count:
        await more(count)
        before = ids(installation)
        assert [*installation.issuer.renew([HOST])] == []
        assert [*installation.issuer.renew([HOST], everything=True)] == [HOST.holder]
        installation.take_certificates()
        second = certificate(installation.cert)
        assert first.serial_number != second.serial_number
        await reload(installation)
        await more(count)
        # Who is connected stays so, and a new connection is shown the new certificate.
        assert ids(installation) == before
        assert shown(connections(installation)["quest"]) == {digest(first)}
        with Raw(installation, "router") as router:
            assert router.certificate == second
            assert shown(connections(installation)[""]) == {digest(second)}
    # Clients read theirs when they connect anew, without being started again.
    async with quests(installation):
        assert [*installation.issuer.renew([HOST], everything=True)]
        installation.take_certificates()
        await restarted(installation)
        third = certificate(installation.cert)
        assert third != second
        await eventually(lambda: "quest" in ids(installation), "the service is back")
        assert shown(connections(installation)["quest"]) == {digest(third)}


async def test_one_authority_takes_the_place_of_another(installation: Installation) -> None:
    old, new = (LocalAuthority(installation.keys / name) for name in ("ca", "next-ca"))
    new.make("next", now())
    store = FolderStore(installation.keys)

    def issuer(authority: LocalAuthority, *also: LocalAuthority) -> Issuer:
        return Issuer(store, authority, CertificateSettings(), now, also_trusted=also)

    async with quests(installation), calls(installation) as count:
        before = ids(installation)
        for step in (issuer(old, new), issuer(new, old), issuer(new)):
            former = certificate(installation.cert)
            assert [*step.renew([HOST])] == [HOST.holder]
            assert [*step.renew([HOST])] == []
            installation.take_certificates()
            await reload(installation)
            await more(count)
            assert ids(installation) == before
            # Who has read nothing anew can connect as well, before the last step.
            Raw(installation, "router").close()
        assert former == certificate(installation.cert)
        assert former.issuer == new.trusted()[0].subject
    async with quests(installation):
        await restarted(installation)
        await eventually(lambda: "quest" in ids(installation), "the service is back")
    # Nobody trusts the old one any more.
    assert [*issuer(old).renew([HOST], everything=True)]
    installation.cert = installation.keys / "nodes" / "host" / "cert.pem"
    installation.key = installation.cert.with_name("key.pem")
    with pytest.raises(OSError, match=r"EOF|unknown ca|closed"):
        Raw(installation, "router")
    assert "signed by unknown authority" in installation.nodes[0].log.read_text()


def certificate(path: Path) -> x509.Certificate:
    """What a file has."""
    return x509.load_pem_x509_certificate(path.read_bytes())


def digest(one: x509.Certificate) -> str:
    """By what the server knows it."""
    return one.fingerprint(hashes.SHA256()).hex()


def shown(found: list[dict[str, Any]]) -> set[str]:
    """The certificates that clients have shown."""
    return {one["tls_peer_certs"][0]["cert_sha256"] for one in found}


async def restarted(installation: Installation) -> None:
    """Ends the server and starts it again."""
    (node,) = installation.nodes
    node.kill()
    node.start()
    await eventually(node.is_healthy, "the node is back")
