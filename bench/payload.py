"""The size of the platform's messages beside their JSON."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from google.protobuf import json_format

from bench import typical
from bench.lab import Lab
from bench.measure import Figure, Part, Result
from bench.workspace import ROOT, source_roots

__all__ = ["PARTS"]

_GENERATED: Final = ROOT / "generated" / "python"
_TEXTS: Final = {
    "ids": "ids and numbers",
    "mixed": "mixed",
    "text": "mostly text",
}

_UNIT: Final = "to 1"

_FIGURES: Final = {
    kind: Figure(name=f"payload-{kind}", text=f"JSON to payload: {text}", unit=_UNIT)
    for kind, text in _TEXTS.items()
}

_BOTH: Final = Figure(
    name="payload",
    text="JSON to payload: ids and numbers, and mixed",
    unit=_UNIT,
    target=3.0,
    bound="at least",
)


def ratios() -> dict[str, list[float]]:
    """How many times larger the JSON of each typical message is, by class.

    JSON without blanks, fields without a value left out, as services would send it.
    """
    found: dict[str, list[float]] = {kind: [] for kind in _TEXTS}
    for path in sorted(_GENERATED.glob("bodybroker/*/v*/*_pb2.py")):
        name = ".".join(path.relative_to(_GENERATED).with_suffix("").parts)
        for descriptor in typical.messages_of(importlib.import_module(name).DESCRIPTOR):
            message = typical.filled(descriptor)
            size = message.ByteSize()
            if not size:  # nothing is nothing in either form
                continue
            content = json_format.MessageToDict(message)
            text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
            found[typical.kind(message)].append(len(text.encode()) / size)
    return found


def _measure(lab: Lab) -> Iterator[Result]:
    command = [sys.executable, "-m", "bench.payload"]
    done = subprocess.run(
        command, env=source_roots(), check=True, capture_output=True, text=True, cwd=ROOT
    )
    found: dict[str, list[float]] = json.loads(done.stdout)
    for kind, figure in _FIGURES.items():
        yield figure.result(found[kind])
    yield _BOTH.result(found["ids"] + found["mixed"])


PARTS: tuple[Part, ...] = (
    Part(group="payload", figures=(*_FIGURES.values(), _BOTH), measure=_measure),
)
"""Every part of this group."""

if __name__ == "__main__":
    print(json.dumps(ratios()))
