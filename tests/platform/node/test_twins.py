"""Programs of a node do the right thing in the cases that matter, and broken twins are caught."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.platform.node.chamber import Chamber
from tests.platform.node.cloud import Cloud, run
from tests.platform.node.cluster import Cluster, make_keys, variables
from tests.platform.node.rendering import UserData, render
from tests.platform.node.rules import server_problems
from tests.platform.tools import ROOT, tool

ADDRESS = "10.99.0.99"
GENERATED = ROOT / "generated" / "deploy" / "dev" / "nats"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> UserData:
    folder = tmp_path_factory.mktemp("rendered")
    nodes = {"nats-1": variables(1, "vol-0f1", Path(tool("nats-server")))}
    return render(folder / "terraform", nodes)["nats-1"]


class Program:
    """A program of a node, with a cloud of its own, in a Debian that is not booted."""

    def __init__(self, chamber: Chamber, cloud: Cloud) -> None:
        self.chamber, self.cloud = chamber, cloud

    def run(self, name: str, *options: str, seconds: float = 3) -> str:
        """What it says, in so many seconds."""
        binds = (f"--bind={self.cloud.folder}:/cloud", *options)
        return self.chamber.do(f"/opt/nats/{name}", options=binds, seconds=seconds)[1]

    def settle(self, **facts: str) -> None:
        """Writes node.env, as `identity` would."""
        etc = self.chamber.root / "etc" / "nats"
        known = {"INSTANCE_ID": "i-chamber", "ADDRESS": ADDRESS} | facts
        known |= {f"NATS_TLS_{n}": f"/etc/nats/tls/{n.lower()}.pem" for n in ("CA", "CERT", "KEY")}
        known |= {
            "NATS_SERVER_NAME": "nats-1",
            "NATS_SERVER_TAG": "az:a",
            "NATS_LISTEN": "127.0.0.1:4222",
            "NATS_HTTP": "127.0.0.1:8222",
            "NATS_CLUSTER_LISTEN": "127.0.0.1:6222",
            "NATS_CLUSTER_ADVERTISE": "127.0.0.1:6222",
            "NATS_STORE_DIR": "/var/lib/nats",
        }
        (etc / "node.env").write_text("".join(f"{k}={v}\n" for k, v in known.items()))


Twin = Callable[..., Program]


@pytest.fixture
def program(data: UserData, tmp_path: Path, cloudy: Cluster) -> Iterator[Twin]:
    """A program of which some text may be replaced."""
    with ExitStack() as stack:

        def make(name: str, old: str = "", new: str = "") -> Program:
            path = f"/opt/nats/{name}"
            text = data.files[path]
            assert old in text
            files = data.files | {path: text.replace(old, new) if old else text}
            chamber = stack.enter_context(Chamber.of(tmp_path / "chamber", files))
            cloud = Cloud(tmp_path / "cloud")
            stack.callback(cloud.close)
            return Program(chamber, cloud)

        yield make


def keeps_what_a_volume_holds(program: Program) -> bool:
    """Whether a volume with a file system still has its file when the program was run."""
    device = program.cloud.make_volume("vol-0f1", 32 << 20)
    run(tool("mkfs.ext4"), "-q", device)
    mounted = program.chamber.root.parent / "mounted"
    mounted.mkdir()
    run(tool("mount"), device, str(mounted))
    (mounted / "message").write_text("kept")
    run(tool("umount"), str(mounted))
    program.settle()

    program.run("volume", f"--bind={device}", seconds=5)

    run(tool("mount"), device, str(mounted))
    try:
        return (mounted / "message").exists()
    finally:
        run(tool("umount"), str(mounted))


def leaves_what_is_no_file_system(program: Program) -> bool:
    """Whether a volume that holds something unknown is left as it is, which is said."""
    device = program.cloud.make_volume("vol-0f1", 32 << 20)
    with open(device, "r+b") as file:
        file.seek(5 << 20)
        file.write(b"something")
    program.settle()

    said = program.run("volume", f"--bind={device}", seconds=3)

    with open(device, "rb") as file:
        file.seek(5 << 20)
        return file.read(9) == b"something" and "is not touched" in said


def has_one_name_for_ever(program: Program, cluster: Cluster) -> bool:
    """Whether two machines, one after the other, have the same server name."""
    space = f"{cluster.cloud.namespace}-99"
    cluster.cloud.join(space, ADDRESS)
    names: set[str] = set()
    try:
        for instance in ("i-1", "i-2"):
            place = {"availability-zone": "eu-central-1a"}
            facts = {"instance-id": instance, "local-ipv4": ADDRESS, "placement": place}
            file = cluster.cloud.folder / "machines" / ADDRESS
            file.write_text(json.dumps({"metadata": facts}))
            program.run("identity", f"--network-namespace-path=/run/netns/{space}", seconds=5)
            text = (program.chamber.root / "etc" / "nats" / "node.env").read_text()
            assert f"INSTANCE_ID={instance}\n" in text
            names.update(line for line in text.splitlines() if line.startswith("NATS_SERVER_NAME"))
    finally:
        run(tool("ip"), "netns", "del", space)
    return names == {"NATS_SERVER_NAME=nats-1"}


def configure(program: Program, old: str, new: str) -> Path:
    """Sees that there is a certificate, and a bucket whose nats.conf has some text replaced."""
    program.settle()
    root = program.chamber.root
    program.run("certificate", seconds=5)
    assert (root / "etc" / "nats" / "tls").is_symlink()
    good = (GENERATED / "nats.conf").read_text()
    assert old in good
    program.cloud.put("nats.conf", good.replace(old, new))
    program.cloud.put("accounts.conf", (GENERATED / "accounts.conf").read_text())
    program.cloud.put("keys.conf", make_keys()[0])
    program.cloud.put("routes.conf", 'routes: ["nats-route://127.0.0.1:6299"]\n')
    return root


def refuses(program: Program, old: str, new: str, why: str) -> bool:
    """Whether a configuration with some text replaced is not taken, and why is said."""
    root = configure(program, old, new)

    said = program.run("configuration", seconds=3)

    return not (root / "etc" / "nats" / "current").is_symlink() and why in said


def refuses_a_server_of_another_sum(program: Program) -> bool:
    """Whether a program that is not the one that was chosen is not installed, which is said."""
    (program.chamber.root / "opt" / "nats" / "nats-server").unlink()
    program.cloud.put("nats-server", "#!/bin/sh\n")

    said = program.run("server", seconds=3)

    installed = (program.chamber.root / "opt" / "nats" / "nats-server").exists()
    return not installed and "has not the SHA-256" in said


def served(program: Program, old: str, new: str) -> list[str]:
    """What is wrong with a server that runs with some text of its configuration replaced."""
    root = configure(program, old, new)
    folder = root / "etc" / "nats" / "current"
    folder.mkdir()
    for name in ("nats", "accounts", "keys", "routes"):
        shutil.copy(program.cloud.folder / "bucket" / f"{name}.conf", folder)
    (root / "serve.sh").write_text(SERVE)
    _, said = program.chamber.do("bash", "/serve.sh", seconds=10)
    return list(server_problems(json.loads(said.partition("\n")[0])))


SERVE = """
set -a
. /etc/nats/node.env
/opt/nats/nats-server -c /etc/nats/current/nats.conf 2>/dev/null &
until python3 - 2>/dev/null <<'END'; do sleep 0.1; done
import json, urllib.request
varz = json.load(urllib.request.urlopen("http://127.0.0.1:8222/varz"))
varz["jetstream"]["config"]
print(json.dumps(varz))
END
kill -KILL $!
"""
"""Starts a server, and prints what it says of itself."""

CLEAR = ("verify: true", "verify: false", "lets clients or routes in without TLS")
UNKNOWN = ("max_payload:", "max_payloads:", "unknown field")
BLANK_CHECK = 'if ! cmp --silent --bytes="$blank" "$device" /dev/zero; then'
TYPE_CHECK = '[[ $(blkid --probe --output value --match-tag TYPE "$device") == ext4 ]] && return'


def test_volume_with_a_file_system_is_never_formatted(program: Twin) -> None:
    assert keeps_what_a_volume_holds(program("volume"))


def test_volume_with_anything_else_is_never_formatted(program: Twin) -> None:
    assert leaves_what_is_no_file_system(program("volume"))


def test_twin_that_formats_without_a_look_is_caught(program: Twin) -> None:
    twin = program(
        "volume", "formatted() {\n", 'formatted() {\n  mkfs.ext4 -qF "$device"; return\n'
    )
    assert not keeps_what_a_volume_holds(twin)


def test_twin_that_trusts_blkid_alone_is_caught(program: Twin) -> None:
    assert not leaves_what_is_no_file_system(program("volume", BLANK_CHECK, "if false; then"))


def test_name_is_that_of_the_settings(program: Twin, cloudy: Cluster) -> None:
    assert has_one_name_for_ever(program("identity"), cloudy)


def test_twin_with_a_new_name_for_each_machine_is_caught(program: Twin, cloudy: Cluster) -> None:
    twin = program("identity", 'os.environ["SERVER_NAME"]', "instance")
    assert not has_one_name_for_ever(twin, cloudy)


@pytest.mark.parametrize("change", [CLEAR, UNKNOWN], ids=["clear", "unknown"])
def test_wrong_configuration_is_not_taken(program: Twin, change: tuple[str, str, str]) -> None:
    assert refuses(program("configuration"), *change)


def test_right_configuration_is_taken(program: Twin) -> None:
    assert not refuses(program("configuration"), "max_payload:", "max_payload:", "")


def test_twin_that_takes_what_is_in_the_clear_is_caught(program: Twin) -> None:
    assert not refuses(program("configuration", "if ! encrypted; then", "if false; then"), *CLEAR)


def test_twin_that_takes_what_the_server_refuses_is_caught(program: Twin) -> None:
    twin = program("configuration", '/opt/nats/nats-server -t -c "$new/nats.conf"', "true")
    assert not refuses(twin, *UNKNOWN)


def test_server_of_another_sum_is_not_installed(program: Twin) -> None:
    assert refuses_a_server_of_another_sum(program("server"))


def test_twin_that_installs_any_server_is_caught(program: Twin) -> None:
    twin = program("server", 'if ! right "$program.new"; then', "if false; then")
    assert not refuses_a_server_of_another_sum(twin)


def test_certificate_that_takes_its_time_is_waited_for(program: Twin) -> None:
    made = program("certificate")
    made.settle()
    made.cloud.fault(**{"get-certificate": "RequestInProgressException"})

    said = made.run("certificate")

    assert said.startswith("waiting for the certificate: ")
    assert "RequestInProgressException" in said
    assert [call[1] for call in made.cloud.calls()].count("issue-certificate") == 1
    assert not (made.chamber.root / "etc" / "nats" / "tls").exists()


def test_volume_that_another_machine_has_is_waited_for(program: Twin) -> None:
    made = program("volume")
    made.settle()
    made.cloud.make_volume("vol-0f1", 32 << 20)
    made.cloud.attach("vol-0f1", "i-before")

    said = made.run("volume")

    assert said.startswith("waiting for the volume vol-0f1: ")
    assert "already attached to an instance" in said


def test_right_server_has_no_problems(program: Twin) -> None:
    assert served(program("configuration"), "verify: true", "verify: true") == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("sync_interval: always\n", "\n", "what was acknowledged may be lost in a power cut"),
        ("\n  verify: true\n", "\n  verify: false\n", "clients need no certificate"),
        ("server_tags: [$NATS_SERVER_TAG]", "", "replicas may lie in one zone"),
    ],
)
def test_server_that_runs_with_less_is_caught(
    program: Twin, old: str, new: str, problem: str
) -> None:
    assert problem in served(program("configuration"), old, new)
