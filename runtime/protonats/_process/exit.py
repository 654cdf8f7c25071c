"""How a program of protonats ends in failure: one line in the log, and a code of `sysexits.h`."""

from __future__ import annotations

import logging
import os
from typing import Final

from protonats.errors import Code, ConfigurationError, ProtonatsError, StatusError

_logger = logging.getLogger("protonats")

_STATUS: Final = {
    Code.UNAVAILABLE: os.EX_UNAVAILABLE,
    Code.FAILED_PRECONDITION: os.EX_CONFIG,
    Code.PERMISSION_DENIED: os.EX_CONFIG,
}


class UsageError(ProtonatsError):
    """The arguments of the program are wrong; the text says what to write."""


def report(error: Exception) -> int:
    """Logs why the program ends, and returns its exit code.

    Only what nobody expected comes with its traceback: 70, and what an imported module raised.
    """
    text, cause = str(error) or type(error).__name__, error.__cause__
    if isinstance(error, UsageError):
        code = os.EX_USAGE
    elif isinstance(error, ConfigurationError):
        code = os.EX_CONFIG
    elif isinstance(error, StatusError) and error.code in _STATUS:
        code, text = _STATUS[error.code], error.message
    else:
        code, cause = os.EX_SOFTWARE, error
    _logger.error("%s", text, exc_info=cause, extra={"exit_code": code})
    return code
