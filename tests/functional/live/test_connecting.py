"""How commands reach a server, and what they say when they cannot."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nkeys
import pytest
from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from protonats.testing import EmbeddedNats
from tests.functional.certificates import make_certificates

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
GUARDED = """
authorization {
  users: [
    {user: anna, password: "s3cret"}
    {user: bob, password: bob, permissions: {subscribe: "_INBOX.bob.>", publish: "$SRV.>"}}
    {user: carl, password: carl, permissions: {subscribe: "_INBOX.cli.>", publish: "x"}}
  ]
}
"""


def ls(url: str, *options: str, **env: str) -> Result:
    env = {"NATS_STARTUP_TIMEOUT": "0.5", "NATS_URL": url, **env}
    return CliRunner().invoke(main, ["ls", *options], env=env)


@pytest.fixture(scope="module")
def guarded() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(config=GUARDED) as server:
        yield server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    make_certificates(directory)
    return directory


@pytest.fixture(scope="module")
def tls(certificates: Path) -> Iterator[EmbeddedNats]:
    files = f'cert_file: "{certificates}/cert.pem", key_file: "{certificates}/key.pem"'
    with EmbeddedNats(config=f"tls {{ {files} }}") as server:
        yield server


def with_login(url: str, login: str) -> str:
    return url.replace("//", f"//{login}@")


def test_the_login_in_the_variable_is_used(guarded: EmbeddedNats) -> None:
    result = ls(with_login(guarded.url, "anna:s3cret"))
    assert result.output == "No service answers.\n"
    assert result.exit_code == 0


@pytest.mark.parametrize("server", [True, False])
def test_a_login_comes_from_a_file(guarded: EmbeddedNats, tmp_path: Path, server: bool) -> None:
    file = tmp_path / "login"
    file.write_text("anna:s3cret\n")
    options = ["--server", guarded.url] if server else []
    result = ls("" if server else guarded.url, *options, "--login", str(file))
    assert result.exit_code == 0, result.output


def test_an_nkey_comes_from_a_file(tmp_path: Path) -> None:
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    key: Any = nkeys.from_seed(bytearray(seed))
    public = key.public_key.decode()
    file = tmp_path / "user.nk"
    file.write_bytes(seed)
    with EmbeddedNats(config=f"authorization {{ users: [{{nkey: {public}}}] }}") as server:
        assert ls(server.url, "--nkey", str(file)).exit_code == 0
        assert ls(server.url).exit_code == 1


def test_a_login_that_is_refused_is_said_without_the_password(guarded: EmbeddedNats) -> None:
    result = ls(with_login(guarded.url, "anna:wr0ng"))

    assert result.exit_code == 1
    assert "authorization violation" in result.stderr.lower()
    assert result.stderr.endswith("it does not know this login: see --creds, --nkey and --login\n")
    assert "wr0ng" not in result.output


@pytest.mark.parametrize("text", ["", "a b", "user:pa/ss"])
def test_a_login_that_cannot_be_sent_is_said(
    guarded: EmbeddedNats, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "login"
    file.write_text(text)
    result = ls(guarded.url, "--login", str(file))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {file}: ")
    assert result.stderr.endswith(": write user:password, or a token\n")


def test_an_inbox_of_another_user_is_said(guarded: EmbeddedNats) -> None:
    url = with_login(guarded.url, "bob:bob")
    refused = ls(url)
    assert refused.exit_code == 1
    assert "does not let this user subscribe to _INBOX.cli." in refused.stderr
    assert ls(url, "--name", "bob").exit_code == 0
    assert ls(url, NATS_NAME="bob").exit_code == 0


def test_what_a_user_may_not_do_is_said(guarded: EmbeddedNats) -> None:
    result = ls(with_login(guarded.url, "carl:carl"))
    assert result.exit_code == 1
    assert result.stderr == ("error: the NATS server does not let this user publish to $SRV.INFO\n")


def test_a_server_that_is_not_there_is_said() -> None:
    result = ls("nats://127.0.0.1:9")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error: no NATS server could be reached within 0.5 s at nats://127.0.0.1:9; the last"
    )
    assert "is it running there? Name another one with --server or NATS_URL\n" in result.stderr


@needs_openssl
def test_certificates_come_from_files(tls: EmbeddedNats, certificates: Path) -> None:
    ca = str(certificates / "ca.pem")
    assert ls(tls.url, "--tls-ca", ca, "--tls-hostname", "nats.internal").exit_code == 0
    assert ls(tls.url, NATS_CA=ca, NATS_TLS_HOSTNAME="nats.internal").exit_code == 0


@needs_openssl
@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ([], "give its certificate authority with --tls-ca\n"),
        (["--tls-ca"], "its certificate is for another name: give that with --tls-hostname\n"),
        (["--tls-hostname", "other", "--tls-ca"], "give that with --tls-hostname\n"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_said(
    tls: EmbeddedNats, certificates: Path, options: list[str], advice: str
) -> None:
    if options:
        options = [*options, str(certificates / "ca.pem")]
    result = ls(tls.url, *options)
    assert result.exit_code == 1
    assert result.stderr.endswith(advice)


def test_a_wrong_setting_is_said() -> None:
    assert "tls_cert (NATS_CERT) is set and tls_key" in ls("", NATS_CERT="x").stderr
    assert "NATS_STARTUP_TIMEOUT is 'soon'" in ls("", NATS_STARTUP_TIMEOUT="soon").stderr
    result = ls("", "--creds", "/nowhere")
    assert result.exit_code == 2
    assert "File '/nowhere' does not exist" in result.stderr
