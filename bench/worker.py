"""`python -m bench.worker PEER serve|client PLACE`: one process of a peer.

It says on a line of JSON that it is ready, then does what each line of its standard input asks for,
and answers each with a line.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from typing import Any

import uvloop

from bench import peer

__all__: list[str] = []


def _say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


async def _serve(name: str, place: peer.Place) -> None:
    async with peer.load(name).serve(place) as address:
        _say(address=address)
        await asyncio.to_thread(sys.stdin.readline)


async def _client(name: str, place: peer.Place) -> None:
    async with peer.load(name).client(place) as workloads:
        _say(workloads=sorted(workloads))
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            gc.collect()  # each round pays for its own garbage
            try:
                workload = workloads[order["workload"]]
                _say(outcome=await workload(*order["arguments"]))
            except Exception as error:
                _say(problem=f"{type(error).__name__}: {error}")


def main(name: str, role: str, place: str) -> None:
    """Runs until standard input ends."""
    run = {"serve": _serve, "client": _client}[role]
    uvloop.run(run(name, peer.Place(**json.loads(place))))


if __name__ == "__main__":
    main(*sys.argv[1:])
