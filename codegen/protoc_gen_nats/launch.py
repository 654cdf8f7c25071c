"""Where the installed programs begin: both need what the extra `codegen` installs, and say so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

__all__ = ["plugin", "protonats"]

_EXTRA: Final = frozenset(
    {
        "click",
        "cryptography",
        "grandalf",
        "grpc_tools",
        "jinja2",
        "jsonschema",
        "platformdirs",
        "rich",
        "yaml",
    }
)


def protonats() -> None:
    """The program `protonats`."""
    _run("protonats", _command_line)


def plugin() -> None:
    """The program `protoc-gen-nats`, which is `python -m protoc_gen_nats` too."""
    _run("protoc-gen-nats", _plugin)


def _command_line() -> None:
    from protoc_gen_nats.cli import main

    main(prog_name="protonats")


def _plugin() -> None:
    from protoc_gen_nats.plugin import main

    main()


def _run(program: str, main: Callable[[], None]) -> None:
    try:
        main()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        sys.exit(
            f"{program}: the generator is not installed ({missing} is missing), only the runtime:"
            " install it with `pip install 'protonats[codegen]'`"
        )
