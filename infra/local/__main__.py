"""`python infra/local up`: the whole platform on this machine."""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
from collections.abc import Sequence

from catalogue import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python infra/local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start NATS, Redis and all services, and tour them")
    up.add_argument("--exit", action="store_true", help="end after the tour, with 0 if it passed")
    up.add_argument("--json", action="store_true", help="print a JSON object a line, no table")
    for option, text in (
        ("--nats-port", "the port of NATS (default: a free one)"),
        ("--redis-port", "the port of Redis (default: a free one)"),
        ("--monitor", "the port of the monitoring pages of NATS (default: none)"),
    ):
        up.add_argument(option, type=int, metavar="PORT", help=text)
    chosen = parser.parse_args(arguments)

    # The clients that make the calls are generated into a source root of its own, which no install
    # knows. The services' processes get it through PYTHONPATH, as their images do.
    sys.path.append(str(ROOT / "generated" / "python"))
    from display import JsonDisplay, LineDisplay, LiveDisplay
    from run import Options, run

    options = Options(
        exit=chosen.exit,
        nats_port=chosen.nats_port,
        redis_port=chosen.redis_port,
        monitor_port=chosen.monitor,
    )
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What the encoding of the terminal lacks is no reason to end.
        sys.stdout.reconfigure(errors="backslashreplace")
    interactive = sys.stdout.isatty()
    display = JsonDisplay() if chosen.json else LiveDisplay() if interactive else LineDisplay()
    with display:
        return asyncio.run(run(options, display))


if __name__ == "__main__":
    raise SystemExit(main())
