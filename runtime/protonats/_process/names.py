"""What a process is called."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["user_of"]

_VERSION: Final = re.compile(r"v[1-9][0-9]*((alpha|beta)[0-9]*)?")


def user_of(full_name: str, name: str) -> str:
    """The user of a service on the NATS servers: `quest`, or `quest_v2` for another version than
    v1, which has a user of its own."""
    version = full_name.rpartition(".")[0].rpartition(".")[2]
    return name if version == "v1" or not _VERSION.fullmatch(version) else f"{name}_{version}"
