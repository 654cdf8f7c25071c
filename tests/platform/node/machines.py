"""A machine of the cloud: Debian 12 booted by systemd-nspawn, which cloud-init sets up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.platform.node.cloud import Cloud, run
from tests.platform.node.groups import drop_group, in_group
from tests.platform.node.rendering import UserData
from tests.platform.node.roots import debian
from tests.platform.tools import tool

__all__ = ["Machine", "until"]

_STAND_INS = Path(__file__).parent / "stand_in"

_REBOOT = 133
"""What systemd-nspawn ends with when it shall be started again."""

_CLOUD_INIT = """\
datasource_list: [Ec2]
datasource:
  Ec2: {strict_id: false, max_wait: 20, timeout: 2, metadata_urls: ["http://169.254.169.254"]}
"""


def until(condition: Callable[[], object], what: str, seconds: float = 120.0) -> None:
    """Waits for a condition, at most so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


class Machine:
    """One instance. Its root is gone when it ends, its volumes are not."""

    def __init__(
        self, cloud: Cloud, name: str, *, instance: str, address: str, zone: str, data: UserData
    ) -> None:
        self.cloud, self.name, self.instance, self.address = cloud, name, instance, address
        self._space = f"{cloud.namespace}-{address.rpartition('.')[2]}"
        self._folder = cloud.folder.parent / instance
        self._root = self._folder / "root"
        self._process: subprocess.Popen[bytes] | None = None
        region = zone[:-1]
        facts = {
            "user_data_base64": data.base64,
            "document": {"region": region, "availabilityZone": zone, "instanceId": instance},
            "metadata": {
                "instance-id": instance,
                "local-hostname": name,
                "local-ipv4": address,
                "placement": {"availability-zone": zone, "region": region},
            },
        }
        (cloud.folder / "machines" / address).write_text(json.dumps(facts))

    def boot(self) -> None:
        """Switches it on; what happens then is cloud-init's."""
        self._lay_root()
        self.cloud.join(self._space, self.address)
        self._start()

    def end(self) -> None:
        """Takes it away at once, as a failing host does: nothing is stopped in order."""
        if self._process and self._process.poll() is None:
            if leader := self._leader():
                os.kill(leader, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
            until(lambda: not leader or not Path(f"/proc/{leader}").exists(), "the machine ends")
        until(lambda: self._unmount(), f"{self._root} is unmounted")
        run(tool("ip"), "netns", "del", self._space, check=False)
        drop_group(self._space)
        # nspawn does not clear its own folder where /run is no file system of its own.
        shutil.rmtree(f"/run/systemd/nspawn/propagate/{self._space}", ignore_errors=True)
        self.cloud.detach(self.instance)
        shutil.rmtree(self._folder, ignore_errors=True)

    def do(self, *command: str, check: bool = True) -> str:
        """What a command prints inside."""
        leader = self._leader()
        assert leader, f"{self.name} is not running: {self.console()}"
        enter = (tool("nsenter"), "--all", "--target", str(leader), "--wdns=/")
        return run(*enter, *command, check=check, env={"PATH": "/usr/bin:/usr/sbin"})

    def status(self, unit: str) -> str:
        """What a unit says of itself; empty while the machine is not up."""
        if not self._leader():
            return ""
        show = ("systemctl", "show", "--value", "--property=StatusText", unit)
        return self.do(*show, check=False).strip()

    def property(self, unit: str, name: str) -> str:
        """A property of a unit, ActiveState or StatusText."""
        return self.do("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def journal(self, unit: str) -> str:
        """What a unit said."""
        return self.do("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    def console(self) -> str:
        """What stands on the console."""
        return (self._folder / "console.log").read_text(errors="replace")

    def reboot(self) -> None:
        """Restarts it in order, and returns when it begins to boot again."""
        assert self._process
        self.do("systemctl", "reboot", "--no-block")
        assert self._process.wait(90) == _REBOOT, self.console()
        self._start()
        until(self._leader, "the machine boots again")

    def answer(self, path: str) -> dict[str, object]:
        """What the server's monitoring says; empty while it does not."""
        ask = (tool("ip"), "netns", "exec", self.cloud.namespace, tool("curl"))
        text = run(*ask, "--silent", f"http://{self.address}:8222{path}", check=False)
        value: dict[str, object] = json.loads(text) if text else {}
        return value

    def ready(self) -> bool:
        """Whether the load balancer sends clients."""
        return self.answer("/healthz?js-server-only=true").get("status") == "ok"

    def healthy(self) -> bool:
        """Whether the server is well with all its streams."""
        return self.answer("/healthz").get("status") == "ok"

    def _start(self) -> None:
        devices = [
            json.loads(file.read_text())["device"]
            for file in (self.cloud.folder / "volumes").iterdir()
        ]
        log = (self._folder / "console.log").open("ab")
        self._process = subprocess.Popen(
            in_group(self._space)
            + [tool("systemd-nspawn"), "--quiet", "--register=no", "--keep-unit", "--boot"]
            + ["-D", str(self._root), f"--machine={self._space}"]
            + ["--resolv-conf=off", f"--network-namespace-path=/run/netns/{self._space}"]
            + [f"--bind={self.cloud.folder}:/cloud"]
            + [f"--bind={device}" for device in devices],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()

    def _leader(self) -> int:
        assert self._process
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for child in children.read_text().split() if children.exists() else ():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        return 0

    def _lay_root(self) -> None:
        upper, work = self._folder / "upper", self._folder / "work"
        for folder in (upper, work, self._root):
            folder.mkdir(parents=True)
        options = f"lowerdir={debian()},upperdir={upper},workdir={work}"
        run(tool("mount"), "-t", "overlay", self._space, "-o", options, str(self._root))
        etc, programs = self._root / "etc", self._root / "usr" / "local" / "bin"
        shutil.copy(_STAND_INS / "aws", programs / "aws")
        shutil.copy(_STAND_INS / "udev.service", etc / "systemd" / "system")
        wants = etc / "systemd" / "system" / "sysinit.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / "udev.service").symlink_to("/etc/systemd/system/udev.service")
        (etc / "stand-in-machine").write_text(self.name)
        (etc / "stand-in-instance").write_text(self.instance)
        (etc / "cloud" / "cloud.cfg.d" / "99-stand-in.cfg").write_text(_CLOUD_INIT)
        (drop_ins := etc / "systemd" / "system" / "nats-.service.d").mkdir()
        (drop_ins / "stand-in.conf").write_text("[Service]\nReadWritePaths=/cloud\n")
        (etc / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (etc / "machine-id").write_text("")
        (etc / "hostname").write_text(f"{self.name}\n")
        os.chmod(programs / "aws", 0o755)

    def _unmount(self) -> bool:
        if self._root.exists() and os.path.ismount(self._root):
            run(tool("umount"), str(self._root), check=False)
        return not os.path.ismount(self._root)
