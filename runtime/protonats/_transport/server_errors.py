"""What the errors of nats-py and nats-server say."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Final

from protonats.settings import redact

_DENIED: Final = re.compile(
    r"permissions violation for (publish|publish with reply of|subscription)(?: to)?"
    r' "((?:[^"\\]|\\.)+)"'
)


@dataclass(frozen=True, slots=True)
class Denial:
    """What the server did not permit."""

    action: str
    """`publish`, `publish with reply of` or `subscription`."""

    subject: str
    """The subject, in lower case, as nats-py gives it."""


def denial_of(error: Exception) -> Denial | None:
    """What an error says that the user may not do; None if it is another error."""
    found = _DENIED.search(str(error))
    return None if found is None else Denial(found[1], _unquoted(found[2]))


def is_login_refused(error: Exception) -> bool:
    """Whether the server knows no such user."""
    return "authorization violation" in str(error).lower()


def describe(error: BaseException | None) -> str:
    """An error for people, without user and password."""
    text = "no answer" if error is None else str(error) or type(error).__name__
    return redact(text.removeprefix("nats: ").strip("'"))


def _unquoted(text: str) -> str:
    """A subject as it was before the server quoted it: the escapes of Go are those of Python."""
    try:
        return str(ast.literal_eval(f'"{text}"'))
    except (SyntaxError, ValueError):
        return text
