"""Who a process is to the NATS server: TLS on both sides, and nkeys."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import nkeys
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._serving.instance import Instance
from protonats.connection import connect
from protonats.errors import ConfigurationError, StatusError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.certificates import make_certificates
from tests.functional.echo import Echo, EchoClient

pytestmark = pytest.mark.anyio

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an authority, and a certificate for `nats.internal` that is good both
    ways."""
    directory = tmp_path_factory.mktemp("tls")

    make_certificates(directory)
    return directory


@pytest.fixture(scope="module")
def tls_nats(certificates: Path) -> Iterator[EmbeddedNats]:
    files = f'cert_file: "{certificates}/cert.pem", key_file: "{certificates}/key.pem"'
    with EmbeddedNats(
        config=f'tls {{ {files}, ca_file: "{certificates}/ca.pem", verify: true }}'
    ) as server:
        yield server


def tls_settings(server: EmbeddedNats, certificates: Path) -> ConnectionSettings:
    return ConnectionSettings(
        servers=(server.url,),
        tls_ca=certificates / "ca.pem",
        tls_cert=certificates / "cert.pem",
        tls_key=certificates / "key.pem",
        tls_hostname="nats.internal",
        startup_timeout=2.0,
    )


@needs_openssl
async def test_both_sides_show_a_certificate(tls_nats: EmbeddedNats, certificates: Path) -> None:
    async with await connect(tls_settings(tls_nats, certificates)) as connection:
        instance = Instance(connection, Echo())
        await instance.start()
        answer = await EchoClient(connection).say(StringValue(value="hi"))
        assert answer.value == "hi"
        await instance.drain(grace=1.0)


@needs_openssl
async def test_a_server_of_another_name_is_refused(
    tls_nats: EmbeddedNats, certificates: Path
) -> None:
    settings = replace(
        tls_settings(tls_nats, certificates), tls_hostname="other.internal", startup_timeout=0.3
    )
    with pytest.raises(StatusError, match=r"(?i)certificate verify failed"):
        await connect(settings)


@needs_openssl
async def test_a_key_of_another_certificate_is_named(
    tls_nats: EmbeddedNats, certificates: Path
) -> None:
    settings = replace(tls_settings(tls_nats, certificates), tls_key=certificates / "ca.key")
    with pytest.raises(ConfigurationError, match=r"NATS_CERT\) .* and tls_key \(NATS_KEY\)"):
        await connect(settings)


async def test_an_nkey_logs_in(tmp_path: Path) -> None:
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    key: Any = nkeys.from_seed(bytearray(seed))
    public = key.public_key.decode()
    seed_file = tmp_path / "user.nk"
    seed_file.write_bytes(bytes(seed) + b"\n")
    with EmbeddedNats(config=f"authorization {{ users: [{{nkey: {public}}}] }}") as server:
        settings = ConnectionSettings(servers=(server.url,), nkey_seed_file=seed_file)
        async with await connect(settings) as connection:
            with pytest.raises(StatusError, match="no instance serves"):
                await EchoClient(connection).say(StringValue())


async def test_a_seed_that_is_none_is_named(nats: EmbeddedNats, tmp_path: Path) -> None:
    seed_file = tmp_path / "user.nk"
    seed_file.write_text("no seed")
    with pytest.raises(ConfigurationError, match=r"NATS_NKEY\) .*user.nk is no nkey seed"):
        await connect(ConnectionSettings(servers=(nats.url,), nkey_seed_file=seed_file))


async def test_a_file_without_credentials_is_named(nats: EmbeddedNats, tmp_path: Path) -> None:
    file = tmp_path / "user.creds"
    file.write_text("no credentials")
    with pytest.raises(ConfigurationError, match=r"NATS_CREDS\) .* is not a \.creds file"):
        await connect(ConnectionSettings(servers=(nats.url,), credentials_file=file))


async def test_a_server_that_is_mute_in_the_handshake_does_not_hold_up_the_end(
    certificates: Path,
) -> None:
    """asyncio tells nobody of the end of a connection whose upgrade to TLS was given up."""
    shakes, ended = asyncio.Event(), asyncio.Event()

    async def be_mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"mute","max_payload":1048576,"tls_required":true}\r\n')
        with suppress(ConnectionError):
            while await reader.read(1024):
                shakes.set()
        writer.close()
        ended.set()

    files = f'cert_file: "{certificates}/cert.pem", key_file: "{certificates}/key.pem"'
    with EmbeddedNats(config=f"tls {{ {files} }}") as server:
        connection = await connect(tls_settings(server, certificates))
        server.kill()
        async with await asyncio.start_server(be_mute, "127.0.0.1", server.port):
            await shakes.wait()
            async with asyncio.timeout(5.0):
                await connection.close()
                await ended.wait()
        assert connection.closed.is_set()
