"""Generated code of another version: what still runs, and what is said where it does not.

`tests/golden/contracts/<number>` holds what an older generator wrote for that contract. It stays as
it is for as long as the runtime has the contract.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from protoc_gen_nats.targets.python_services import CONTRACT as GENERATED
from protonats._codegen import CONTRACT
from tests.projects import run

CONTRACTS = Path(__file__).parents[1] / "golden" / "contracts"
STUB = "acme/greeter/v1/greeter_nats.py"
SERVICE = """\
import protonats
from acme.greeter.v1 import greeter_pb2
from acme.greeter.v1.greeter_nats import GreeterServicePublisher, GreeterServiceServer

HEARD = []


class GreeterService(GreeterServiceServer):
    def __init__(self, app: protonats.Application) -> None:
        self.publisher = GreeterServicePublisher(app.connection)

    async def greet(self, request, context):
        await self.publisher.publish_person_greeted(greeter_pb2.PersonGreeted(name=request.name))
        return greeter_pb2.GreetResponse(text=f"Hello, {request.name}!")

    async def on_person_greeted(self, event, context):
        HEARD.append(event.name)
"""
PROGRAM = """\
import asyncio

from acme.greeter.v1.greeter_nats import GreeterServiceClient
from acme.greeter.v1.greeter_pb2 import GreetRequest
from protonats.testing import LocalPlatform
from service import HEARD, GreeterService


async def main():
    async with LocalPlatform(GreeterService) as platform:
        client = GreeterServiceClient(platform.connection)
        print((await client.greet(GreetRequest(name="Ada"), timeout=2.0)).text)
        while not HEARD:
            await asyncio.sleep(0.01)
        print(f"Heard of {HEARD[0]}.")


asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What was generated for the contract of this runtime, long ago, and a service on it."""
    shutil.copytree(CONTRACTS / str(CONTRACT), tmp_path, dirs_exist_ok=True)
    (tmp_path / "service.py").write_text(SERVICE)
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in a folder, where the generated modules are."""
    return run(sys.executable, *arguments, cwd=folder)


def claim(folder: Path, contract: int) -> None:
    """Makes the generated code say that it is for another contract."""
    stub = folder / STUB
    text = stub.read_text()
    assert f"require_contract({CONTRACT})" in text
    stub.write_text(text.replace(f"require_contract({CONTRACT})", f"require_contract({contract})"))


def test_the_generator_writes_for_the_contract_of_its_runtime() -> None:
    assert GENERATED == CONTRACT


def test_what_an_older_generator_wrote_runs(folder: Path) -> None:
    (folder / "program.py").write_text(PROGRAM)

    done = python(folder, "-W", "error", "program.py")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Hello, Ada!\nHeard of Ada.\n"


@pytest.mark.parametrize(
    ("contract", "advice"),
    [
        (CONTRACT + 1, "upgrade it with `pip install --upgrade protonats`"),
        (CONTRACT - 1, "generate it again with `protonats generate`"),
    ],
)
def test_another_contract_is_refused_with_the_command_that_mends_it(
    folder: Path, contract: int, advice: str
) -> None:
    claim(folder, contract)
    text = (
        f"this code was generated for contract {contract} of protonats, and the installed runtime"
        f" has contract {CONTRACT}: {advice}"
    )

    imported = python(folder, "-c", "import acme.greeter.v1.greeter_nats")
    served = python(folder, "-m", "protonats.serve", "service:GreeterService")

    assert imported.returncode == 1
    assert imported.stderr.endswith(f"protonats.errors.ContractError: {text}\n")
    assert served.returncode == 64
    assert text in json.loads(served.stderr.splitlines()[-1])["event"]
