"""The end of tasks that run in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_PATIENCE: Final = 0.1
_ATTEMPTS: Final = 10


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels tasks, and returns when they have ended, or after a second at the latest.

    They are cancelled again if they go on, as a command of redis-py may swallow a cancellation that
    comes together with the answer.
    """
    running = {task for task in tasks if not task.done()}
    for _ in range(_ATTEMPTS):
        if not running:
            return
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_PATIENCE)
