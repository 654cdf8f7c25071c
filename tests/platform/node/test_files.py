"""The files of a node pass the tools that read them, and their broken twins do not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.node.chamber import Chamber
from tests.platform.node.cluster import variables
from tests.platform.node.rendering import MODULE, UserData, render
from tests.platform.node.rules import problems
from tests.platform.tools import tool

UNITS = "/etc/systemd/system"
SCRIPTS = ("volume", "server", "certificate", "configuration")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> UserData:
    folder = tmp_path_factory.mktemp("rendered")
    nodes = {"nats-1": variables(1, "vol-001", Path(tool("nats-server")))}
    return render(folder / "terraform", nodes)["nats-1"]


@pytest.fixture(scope="module")
def chamber(data: UserData, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chamber]:
    with Chamber.of(tmp_path_factory.mktemp("chamber"), data.files) as made:
        yield made


def verify(chamber: Chamber, unit: str, text: str) -> str:
    """What systemd finds wrong with a unit."""
    (chamber.root / UNITS[1:] / unit).write_text(text)
    _, said = chamber.do("systemd-analyze", "verify", f"{UNITS}/{unit}")
    return said


def exposure(chamber: Chamber, unit: str, text: str) -> int:
    """The exit code of systemd's look at how much a unit may do."""
    (chamber.root / UNITS[1:] / unit).write_text(text)
    limit = 20 if unit == "nats.service" else 50
    command = ("security", "--offline=true", f"--threshold={limit}", f"{UNITS}/{unit}")
    return chamber.do("systemd-analyze", "--no-pager", *command)[0]


def schema(chamber: Chamber, text: str) -> tuple[int, str]:
    """What cloud-init finds wrong with user data."""
    (chamber.root / "user-data").write_text(text)
    return chamber.do("cloud-init", "schema", "--config-file", "/user-data")


def lint(folder: Path) -> str:
    """What shellcheck finds wrong with the scripts in a folder."""
    command = [tool("shellcheck"), "--external-sources", "--source-path=SCRIPTDIR", *SCRIPTS]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


def test_units_are_right_for_systemd(chamber: Chamber, data: UserData) -> None:
    units = [path for path in data.files if path.startswith(UNITS)]

    assert chamber.do("systemd-analyze", "verify", *units) == (0, "")


@pytest.mark.parametrize(
    "unit", ["nats", "nats-volume", "nats-prepare", "nats-configuration", "nats-certificate"]
)
def test_units_may_do_little(chamber: Chamber, data: UserData, unit: str) -> None:
    assert exposure(chamber, f"{unit}.service", data.files[f"{UNITS}/{unit}.service"]) == 0


def test_user_data_is_right_for_cloud_init(chamber: Chamber, data: UserData) -> None:
    assert schema(chamber, data.text) == (0, "Valid cloud-config: /user-data\n")


def test_scripts_are_right_for_shellcheck() -> None:
    assert lint(MODULE / "files") == ""


def test_rules_hold(data: UserData) -> None:
    assert list(problems(data.files)) == []


def test_each_script_is_written_by_user_data(data: UserData) -> None:
    written = {Path(path).name for path in data.files}
    for file in (MODULE / "files").iterdir():
        assert file.name.removesuffix(".tftpl") in written


@pytest.mark.parametrize(
    ("unit", "old", "new", "said"),
    [
        ("nats.service", "Restart=always", "Restart=on-failure", "Restart has to be always"),
        ("nats.service", "RequiresMountsFor=/var/lib/nats\n", "", "RequiresMountsFor has to be"),
        ("nats.service", "Requires=nats-prepare.service", "", "Requires has to be nats-prepare"),
        ("nats.service", "After=nats-prepare.service ", "After=", "After has to be nats-prepare"),
        ("nats.service", "KillSignal=SIGUSR2\n", "", "KillSignal has to be SIGUSR2"),
        ("nats.service", "TimeoutStopSec=90", "TimeoutStopSec=30", "shorter than lame duck"),
        ("nats.service", "StartLimitIntervalSec=0\n", "", "StartLimitIntervalSec has to be 0"),
        ("nats.service", "User=nats", "User=root", "User has to be nats"),
        ("nats.service", "OOMScoreAdjust=-900\n", "", "the kernel end the server first"),
        ("nats.service", "WantedBy=multi-user.target", "", "WantedBy has to be multi-user.target"),
        ("nats-prepare.service", "ExecStart=/opt/nats/certificate\n", "", "needs program, cert"),
        ("nats-prepare.service", "Restart=on-failure\n", "", "Restart has to be on-failure"),
        ("nats-prepare.service", "journal+console", "journal", "has to be journal+console"),
        ("var-lib-nats.mount", "/disk/by-id/nvme-Amazon", "/nvme1n1-", "another disk's"),
        ("var-lib-nats.mount", ",_netdev", "", "early boot would wait"),
        ("var-lib-nats.mount", "After=nats-volume.service\n", "", "After has to be nats-volume"),
        ("nats-certificate.timer", "WantedBy=timers.target", "", "WantedBy has to be timers"),
    ],
)
def test_unit_without_a_rule_is_refused(
    data: UserData, unit: str, old: str, new: str, said: str
) -> None:
    good = data.files[f"{UNITS}/{unit}"]
    assert old in good

    found = list(problems(data.files | {f"{UNITS}/{unit}": good.replace(old, new)}))

    assert len(found) == 1
    assert said in found[0]


def test_script_that_goes_on_after_errors_is_refused(data: UserData) -> None:
    twin = data.files["/opt/nats/volume"].replace("set -euo pipefail\n", "")

    found = list(problems(data.files | {"/opt/nats/volume": twin}))

    assert found == ["/opt/nats/volume: goes on after an error"]


@pytest.mark.parametrize(
    ("unit", "old", "new", "said"),
    [
        ("nats.service", "Restart=always", "Restart=ever", "Failed to parse service restart"),
        ("nats.service", "KillSignal=SIGUSR2", "KilSignal=SIGUSR2", "Unknown key"),
        ("nats.service", "/opt/nats/nats-server -c", "/opt/nats/server-nats -c", "not executable"),
        ("nats-configuration.timer", "=1min", "=1 minuet", "Failed to parse"),
    ],
)
def test_broken_unit_is_refused_by_systemd(
    chamber: Chamber, data: UserData, unit: str, old: str, new: str, said: str
) -> None:
    good = data.files[f"{UNITS}/{unit}"]
    try:
        assert said in verify(chamber, unit, good.replace(old, new))
    finally:
        assert verify(chamber, unit, good) == ""


def test_unit_that_may_do_much_is_refused(chamber: Chamber, data: UserData) -> None:
    good = data.files[f"{UNITS}/nats.service"]
    twin = re.sub(r"^(Protect|Private|Restrict|System|Capab).*\n", "", good, flags=re.M)
    try:
        assert exposure(chamber, "nats.service", twin) == 1
    finally:
        (chamber.root / UNITS[1:] / "nats.service").write_text(good)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"runcmd":', '"runcmd": {', "not valid"),
        ('"permissions": "0755"', '"permissions": 755', "is not of type 'string'"),
        ('"path":', '"pth":', "'path' is a required property"),
    ],
)
def test_broken_user_data_is_refused(
    chamber: Chamber, data: UserData, old: str, new: str, said: str
) -> None:
    assert old in data.text
    code, found = schema(chamber, data.text.replace(old, new, 1))

    assert code == 1
    assert said in found


def test_careless_script_is_refused(tmp_path: Path) -> None:
    for file in (MODULE / "files").iterdir():
        text = file.read_text().replace('"$device" /dev/zero', "$device /dev/zero")
        (tmp_path / file.name).write_text(text)

    assert "SC2086" in lint(tmp_path)
