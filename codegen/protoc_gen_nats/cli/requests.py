"""Messages that are written on the command line or on standard input."""

from __future__ import annotations

import asyncio
import io
import json
import math
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar, cast

import click

from protoc_gen_nats.errors import UserError

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

    MessageT = TypeVar("MessageT", bound=Message)
else:
    MessageT = TypeVar("MessageT")

__all__ = ["check_requests", "metadata_option", "positive", "print_template", "read_messages"]

_STDIN: Final = "-"
_CHUNK: Final = 65536
_AHEAD: Final = 256
"""Lines that are read before somebody wants them."""


def _pairs(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"{value!r}: write NAME=VALUE, for example tenant=acme")
    return dict(value.split("=", 1) for value in values)


metadata_option: Final = click.option(
    "--metadata",
    "-m",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_pairs,
    help="What travels along; may be given several times.",
)


def positive(
    context: click.Context, parameter: click.Parameter, value: float | None
) -> float | None:
    """Checks an option that is a number of seconds."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise click.BadParameter(f"{value:g}: write a number of seconds above 0")
    return value


def print_template(message: type[Message]) -> None:
    """Prints a message to fill in, and what there is to choose on standard error."""
    from protoc_gen_nats.live.template import Template

    template = Template(cast("Descriptor", message.DESCRIPTOR))
    click.echo(json.dumps(template.value(), indent=2, ensure_ascii=False))
    width = max(map(len, template.choices), default=0)
    for path, choice in template.choices.items():
        click.echo(f"{click.style(path.ljust(width), bold=True)}  {choice}", err=True)


def check_requests(texts: Sequence[str], *, many: bool, what: str) -> None:
    """Checks how many messages are written.

    Raises:
        UsageError: Too many, or none where a stream is sent.
    """
    if not many and len(texts) > 1:
        raise click.UsageError(f"{what} takes one message, and here are {len(texts)}")
    if many and not texts:
        raise click.UsageError(
            f"{what} takes a stream: write its messages, or `-` to read one from each line of"
            " standard input"
        )
    if _STDIN in texts and len(texts) > 1:
        raise click.UsageError("`-` stands alone: all messages come from standard input then")


async def read_messages(
    texts: Sequence[str],
    message: type[MessageT],
    pool: DescriptorPool,
    many: bool,
    what: str = "request",
) -> AsyncIterator[MessageT]:
    """The messages that are written, those on standard input as they come.

    Args:
        texts: Each a JSON object, or `-` alone.
        message: The class of the messages.
        pool: Where the types of `Any` are looked up.
        many: Whether there may be several: then standard input has one on each line.
        what: What a message is, for errors.

    Raises:
        UserError: One is no JSON, or no such message; the text says which.
    """
    from protoc_gen_nats.live.json_messages import parse_json

    if tuple(texts) != (_STDIN,):
        for number, text in enumerate(texts or ("{}",), 1):
            one = f"{what} {number}" if len(texts) > 1 else f"the {what}"
            yield parse_json(message, text, pool, one)
    elif many:
        number = 0
        async for line in _lines():
            number += 1
            if line.strip():
                one = f"line {number} of standard input"
                yield parse_json(message, _text(line), pool, one)
    else:
        whole = b"\n".join([line async for line in _lines()])
        yield parse_json(message, _text(whole), pool, "standard input")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UserError.of(f"standard input is not UTF-8 at {error.object[:40]!r}") from None


async def _lines() -> AsyncIterator[bytes]:
    """The lines of standard input, each as soon as it is whole."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()
    room = threading.Semaphore(_AHEAD)

    def read() -> None:
        try:
            for line in _read_lines():
                room.acquire()
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)
        except RuntimeError:  # the loop is closed: nobody reads any more
            return

    # Nobody can end a read: a thread of the loop's pool would keep the process from ending.
    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) is not None:
        room.release()
        yield line


def _read_lines() -> Iterator[bytes]:
    stream = sys.stdin.buffer
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:
        yield from stream
        return
    # Not by the stream: it holds a lock while it waits, which the end of the process would need.
    rest = b""
    while chunk := os.read(descriptor, _CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest
