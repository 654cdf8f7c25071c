"""Subjects: section 1 of the wire protocol."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from google.protobuf.message import Message

from protonats.errors import Code, StatusError

MAX_SIZE: Final = 2048
"""How many bytes a subject may have: with reply subject and sizes, it has to fit into the 4,096
that a server reads as one line."""

_NOT_IN_TOKEN: Final = re.compile(r"[.*>\s\x00-\x1f\x7f]")
_SERVICE: Final = re.compile(r"svc\.(?:[^.]+\.)+?v[0-9]+(?:(?:alpha|beta)[0-9]+)?\.")
_INBOXES: Final = ("_INBOX.", "_R_.")
_PARAMETER: Final = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A method's subject, in which a token may be `{field}` or `{field.field}`."""

    text: str
    """The subject as the schema gives it."""

    listen: str
    """What instances subscribe to: `*` for each parameter."""

    parameters: tuple[tuple[int, str], ...]
    """Position and field of each token that is a value of the request."""

    tokens: tuple[str, ...]
    """All tokens, parameters included."""

    def fill(self, value_of: Callable[[str], str]) -> str:
        """The subject of one call; `value_of` gives the value of a field.

        Raises:
            StatusError: INVALID_ARGUMENT, for a value that cannot be a token.
        """
        if not self.parameters:
            return self.text
        tokens = list(self.tokens)
        for position, field in self.parameters:
            tokens[position] = token(value_of(field), field)
        return ".".join(tokens)

    def check(self, subject: str, value_of: Callable[[str], str]) -> None:
        """Checks that the tokens of a received subject are the values in the request.

        Raises:
            StatusError: INVALID_ARGUMENT; the text names the field.
        """
        if not self.parameters:
            return
        tokens = subject.split(".")
        for position, field in self.parameters:
            if tokens[position] != value_of(field):
                raise StatusError(
                    Code.INVALID_ARGUMENT,
                    f"field {field} of the request differs from its token in the subject {subject}",
                )


@lru_cache(maxsize=4096)
def template(text: str) -> Template:
    """Parses the subject of a method."""
    # A field path contains dots as well: they are hidden while the subject is split.
    fields = _PARAMETER.findall(text)
    tokens = _PARAMETER.sub("{}", text).split(".")
    listen = ["*" if token == "{}" else token for token in tokens]
    positions = [index for index, token in enumerate(tokens) if token == "{}"]
    for position, field in zip(positions, fields, strict=True):
        tokens[position] = f"{{{field}}}"
    return Template(
        text, ".".join(listen), tuple(zip(positions, fields, strict=True)), tuple(tokens)
    )


def field_value(message: Message, path: str) -> str:
    """The text of a field, as it stands in a subject: `region.name` goes through messages."""
    value: object = message
    for name in path.split("."):
        value = getattr(value, name)
    return value if isinstance(value, str) else str(value)


def token(value: str, field: str) -> str:
    """Checks that a value can be a token of a subject, and returns it.

    Raises:
        StatusError: INVALID_ARGUMENT; the text names the field.
    """
    if not value or _NOT_IN_TOKEN.search(value):
        raise StatusError(
            Code.INVALID_ARGUMENT,
            f"field {field} stands in a subject: it may not be empty nor contain '.', '*', '>',"
            " white space or control characters",
        )
    return value


def is_token(value: str) -> bool:
    """Whether a string can be one token of a subject."""
    return bool(value) and not _NOT_IN_TOKEN.search(value)


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject fits a subscription to `pattern`, which may hold `*` and end in `>`."""
    if pattern == subject:
        return "" not in subject.split(".")
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(tokens) <= len(wanted):
            return False
    elif len(tokens) != len(wanted):
        return False
    if "" in tokens:
        return False
    return all(want in ("*", token) for want, token in zip(wanted, tokens, strict=False))


def is_too_long(subject: str) -> bool:
    """Whether a subject has more than `MAX_SIZE` bytes."""
    return len(subject) * 4 > MAX_SIZE and len(subject.encode()) > MAX_SIZE


def why_dropped(pattern: str, subject: str, reply: str) -> str | None:
    """Why an instance may not even refuse a request that came by a subscription to `pattern`, as a
    word for metrics; None if it may answer."""
    if pattern != subject and not matches(pattern, subject):
        return "subject"
    if not reply:
        return "no_reply"
    return None if reply_allowed(reply) else "reply_subject"


def reply_allowed(subject: str) -> bool:
    """Whether an instance may answer to this reply subject."""
    return (
        subject.startswith(_INBOXES)
        and "*" not in subject
        and ">" not in subject
        and ".." not in subject
        and subject[-1] != "."
        and not is_too_long(subject)
    )


def queue_group(domain: str) -> str:
    """The queue group of a service's instances."""
    return f"q.{domain}"


def service_prefix(subject: str) -> str:
    """What all subjects of a service begin with, `svc.<domain>.<version>.`, taken from the subject
    of one of its methods."""
    match = _SERVICE.match(subject)
    if match is None:
        raise ValueError(f"{subject!r} is not the subject of a method: svc.<domain>.<version>.…")
    return match[0]


def inbox_prefix(user: str, connection: str) -> str:
    """What the reply subjects of one connection begin with; the call id follows."""
    return f"_INBOX.{user}.{connection}."
