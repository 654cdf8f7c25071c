"""Whether anybody still reads what a command prints."""

from __future__ import annotations

import asyncio
import io
import select
import sys
from typing import Final

__all__ = ["nobody_reads"]

_LOOK_EVERY: Final = 0.3
"""Seconds."""


async def nobody_reads() -> None:
    """Returns once the other side of standard output is closed, as that of `| head -1` is.

    A command that waits for events would notice only when it prints the next one.
    """
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (io.UnsupportedOperation, ValueError):  # no file, or closed: nothing will tell
        await asyncio.Event().wait()
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        if poll.poll(0):
            return
