"""Message bodies as JSON, where generated code knows their type."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError

__all__ = ["message_text", "search"]

_DEFAULT: Final = Path("generated/python")


def search(folders: Sequence[Path]) -> tuple[Path, ...]:
    """The folders to look for generated code in: those given, or the usual one of this project."""
    if folders:
        return tuple(folders)
    return (_DEFAULT,) if _DEFAULT.is_dir() else ()


def message_text(name: str, body: bytes, folders: Sequence[Path]) -> Any:
    """A body as JSON has it; None where no type of this name is known, or the body is none of it.

    Args:
        name: The full name of the message.
        body: The serialized message.
        folders: Folders with generated Python code.
    """
    if not name:
        return None
    for module in _modules(name, folders):
        importlib.import_module(module)
    try:
        found = descriptor_pool.Default().FindMessageTypeByName(name)
    except KeyError:
        return None
    try:
        message = message_factory.GetMessageClass(found).FromString(body)
    except DecodeError:
        return None
    return json.loads(json_format.MessageToJson(message, preserving_proto_field_name=True))


def _modules(name: str, folders: Sequence[Path]) -> Iterator[str]:
    """The modules with messages of the package that a message is in."""
    parts = name.split(".")
    for folder in folders:
        if str(folder.resolve()) not in sys.path:
            sys.path.append(str(folder.resolve()))
        # The package may be shorter than all but the last part: a message may be inside another.
        for length in range(len(parts) - 1, 0, -1):
            package = folder.joinpath(*parts[:length])
            for path in sorted(package.glob("*_pb2.py")):
                yield ".".join((*parts[:length], path.stem))
