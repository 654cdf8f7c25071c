"""What large messages free is kept for the next one."""

from __future__ import annotations

import functools
import os
from typing import Final

__all__ = ["keep_freed_memory"]

_KEPT: Final = 128 * 1024 * 1024
"""Bytes that stay with the process: a message of 16 MiB that goes there and back takes half."""

_FROM_HEAP: Final = 32 * 1024 * 1024
"""Bytes up to which a block comes from what is kept: the most that glibc takes."""

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Numbers of parameters, as in malloc.h of glibc."""

_OWN_CHOICE: Final = ("GLIBC_TUNABLES", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


@functools.cache
def keep_freed_memory() -> bool:
    """Lets the process keep up to 128 MiB that it frees from now on: call it when there was a large
    message already, as more may come.

    glibc would give blocks of that size back to the kernel, which clears every page before it hands
    it out again: more work than all that is done with the message. Returns whether that is changed;
    it is not for another C library, nor where the environment has a setting of `malloc` in it.
    """
    if any(name in os.environ for name in _OWN_CHOICE):
        return False
    # Most processes never get here, and need not import it.
    import ctypes

    try:
        os.confstr("CS_GNU_LIBC_VERSION")
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, ValueError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _FROM_HEAP) == 1 and mallopt(_TRIM_THRESHOLD, _KEPT) == 1)
