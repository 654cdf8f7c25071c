"""Runs services as a process: `python -m protonats.serve services.quest.service:QuestService`.

A class whose constructor takes an argument gets the `Application`. `--interceptor MODULE:CLASS`
puts an interceptor around each call of all services. The settings come from the environment, log
lines go to stderr as JSON. The exit code tells how the process ended: `-h` lists the variables and
the codes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

from protonats._process.advice import advice
from protonats._process.exit import UsageError, report
from protonats._process.loading import Loaded, load_interceptor, load_service
from protonats._process.log import log_json
from protonats._process.names import user_of
from protonats._serving.validation import check_of
from protonats.application import Application
from protonats.errors import Code, StatusError
from protonats.interceptors import ServerInterceptor
from protonats.server import Server
from protonats.settings import Settings

__all__ = ["main"]

_logger = logging.getLogger("protonats")

_CANCEL_AGAIN: Final = 0.1
_INTERCEPTOR: Final = "--interceptor"
_CHECK: Final = "--check"
_USAGE: Final = "write python -m protonats.serve MODULE:CLASS, with one or more classes"
_HELP: Final = """\
usage: python -m protonats.serve [--check] [--interceptor MODULE:CLASS ...] MODULE:CLASS ...

Runs services as a process until SIGTERM or SIGINT. Log lines go to stderr as JSON.

options:
  --interceptor MODULE:CLASS    code around each call of all services; the first is the outermost
  --check                       only load the classes and the rules of their requests, and end: says
                                whether an image holds all that they need
  -h, --help                    this text

environment variables:
  NATS_URL                      servers, separated by commas (nats://127.0.0.1:4222)
  NATS_NAME                     the name of the process (the name of its first service, with its
                                version if that is not v1)
  NATS_CA                       certificate authority of the servers; makes TLS a must
  NATS_CERT, NATS_KEY           certificate of this client, and its private key
  NATS_TLS_HOSTNAME             name in the certificate of the servers (the host in the URL)
  NATS_NKEY, NATS_CREDS         file with an nkey seed, or .creds file, to log in with
  NATS_CA_PEM, NATS_CERT_PEM, NATS_KEY_PEM, NATS_NKEY_SEED, NATS_CREDS_TEXT
                                the contents of these files themselves, in place of the files
  NATS_STARTUP_TIMEOUT          seconds to try for a first connection (60)
  REDIS_URL                     Redis, for services that use it
  REDIS_CA, REDIS_CA_PEM        certificate authority of Redis, as a file or its contents (public
                                ones)
  PROTONATS_HEALTH_ADDRESS      host:port of health and metrics, empty for none (0.0.0.0:8080)
  PROTONATS_GRACE_PERIOD        seconds that running handlers get at the end (20)
  PROTONATS_MAX_IN_FLIGHT       calls that a service handles at once (1000)
  PROTONATS_MAX_QUEUED          calls that wait beyond those (1000)
  PROTONATS_MAX_MESSAGE_SIZE    bytes of the longest message (67108864)
  PROTONATS_STREAM_MESSAGES     messages of a stream that wait for their reader (1024)
  PROTONATS_STREAM_BYTES        bytes of a stream that wait for their reader (4194304)
  PROTONATS_KEEPALIVE_INTERVAL  seconds between signs of life of an open stream (5)
  PROTONATS_BREAKER             circuit breaker of outgoing calls, on or off (on)
  PROTONATS_BLOCK_WARNING       seconds that code may block the loop unreported, 0: for ever (0.5)
  PROTONATS_OTEL                share of traces that OpenTelemetry records, 0 to 1 (off)
  PROTONATS_TRANSPORT           auto, or public for the public interface of nats-py alone (auto)

exit codes:
  0   stopped by SIGTERM or SIGINT
  64  the arguments are wrong, or a class cannot be loaded
  69  NATS cannot be reached, or the connection was closed for good
  70  anything else: a defect
  78  a setting is wrong, or a stream, a consumer or a permission is missing
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves the classes that `arguments` name, by default `sys.argv`, until told to stop.

        if __name__ == "__main__":
            sys.exit(main(["--interceptor", "shop.tokens:CheckToken", "shop.service:ShopService"]))

    Returns:
        The exit code.
    """
    if arguments is None:
        arguments = sys.argv[1:]
    if "-h" in arguments or "--help" in arguments:
        print(_HELP, end="")
        return os.EX_OK
    log_json()
    try:
        return _run(arguments)
    except Exception as error:
        return report(error)


def _run(arguments: Sequence[str]) -> int:
    served = _read(arguments)
    if served.only_check:
        return _check(served)
    first = served.services[0].made.__protonats__
    settings = Settings.from_environment(name=user_of(first.full_name, first.name))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(served, settings))


def _check(served: _Served) -> int:
    for service in served.services:
        info = service.made.__protonats__
        for method in info.methods:
            check_of(method.request)
        _logger.info("loaded", extra={"service": info.name})
    return os.EX_OK


class _Served(NamedTuple):
    """What the arguments name."""

    services: Sequence[Loaded[Server]]
    interceptors: Sequence[Loaded[ServerInterceptor]]
    only_check: bool


def _read(arguments: Sequence[str]) -> _Served:
    services: list[Loaded[Server]] = []
    interceptors: list[Loaded[ServerInterceptor]] = []
    only_check = False
    rest: Iterator[str] = iter(arguments)
    for argument in rest:
        option, _, value = argument.partition("=")
        if option == _INTERCEPTOR:
            name = value or next(rest, "")
            if not name:
                raise UsageError(f"{_INTERCEPTOR} names no class: write MODULE:CLASS behind it")
            interceptors.append(load_interceptor(name))
        elif argument == _CHECK:
            only_check = True
        elif argument.startswith("-"):
            raise UsageError(f"there is no option {option}: -h lists them")
        else:
            services.append(load_service(argument))
    if not services:
        raise UsageError(_USAGE)
    return _Served(services, interceptors, only_check)


async def _serve(served: _Served, settings: Settings) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(_start(stack, served, settings))
        await _first(starting, stopped)
        if stopped.is_set():
            await _end(starting)
            _logger.info("stopped before it served")
            return os.EX_OK
        application = await starting
        # From here on the application listens to signals by itself. One that came in this very turn
        # of the loop still sets the event.
        await application.run_until_stopped(stopped)
        closed = application.connection.close_reason
    if closed is not None:
        raise StatusError(Code.UNAVAILABLE, f"the connection to NATS is closed for good: {closed}")
    _logger.info("stopped")
    return os.EX_OK


async def _start(stack: AsyncExitStack, served: _Served, settings: Settings) -> Application:
    application = await stack.enter_async_context(Application(settings))
    await application.serve(
        *(service.make(application) for service in served.services),
        interceptors=[interceptor.make(application) for interceptor in served.interceptors],
    )
    services = [instance.service for instance in application.instances]
    for text in advice(services, application.settings):
        _logger.warning("%s", text)
    for instance in application.instances:
        _logger.info(
            "serving",
            extra={
                "service": instance.service.name,
                "instance": instance.id,
                "health": application.health_address,
            },
        )
    return application


async def _first(task: asyncio.Task[Application], event: asyncio.Event) -> None:
    """Returns when the task is done or the event is set."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _end(task: asyncio.Task[Application]) -> None:
    """Cancels a task until it ends: `asyncio.wait_for`, which nats-py uses, may lose a cancellation
    (python/cpython#86296, before Python 3.12)."""
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=_CANCEL_AGAIN)
    if not task.cancelled() and (error := task.exception()) is not None:
        _logger.info("the start had failed: %s", error)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
