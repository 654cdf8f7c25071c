"""Runs the exporter as a process: `python -m protonats.exporter`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from protonats._process.exit import UsageError, report
from protonats._process.log import log_json
from protonats._transport.identity import Identity
from protonats.exporter.cloudwatch import CloudWatch
from protonats.exporter.exporter import Exporter
from protonats.exporter.settings import ExporterSettings
from protonats.health import HealthServer

__all__ = ["main"]

_logger = logging.getLogger("protonats")

_HELP: Final = """\
usage: python -m protonats.exporter

Serves figures of NATS, JetStream, services and Redis at /metrics, for Prometheus, and health at
/livez, /readyz and /healthz, until SIGTERM or SIGINT. Log lines go to stderr as JSON. Whoever does
not answer is a figure, and asked again.

environment variables:
  EXPORTER_ADDRESS              host:port to answer at (0.0.0.0:7777)
  EXPORTER_NATS_MONITORS        monitoring addresses of the NATS servers, separated by commas:
                                http://host:8222, or dns+http://name:8222 for a server at each
                                address of the name
  EXPORTER_PLAN                 jetstream.json, to compare streams, consumers and buckets with
  EXPORTER_SERVICES             services.json, to miss services that never came
  EXPORTER_CLOUDWATCH           cluster of ECS for whose scaling figures go to CloudWatch (none)
  AWS_REGION                    region of that cluster
  EXPORTER_INTERVAL             seconds between two rounds of questions (10)
  NATS_URL, NATS_CA, NATS_CERT, NATS_KEY, NATS_NKEY, ...
                                the connection to NATS, as for python -m protonats.serve; the name
                                is monitor where NATS_NAME is not set
  REDIS_URL, REDIS_CA, REDIS_CA_PEM
                                Redis (none)

exit codes:
  0   stopped by SIGTERM or SIGINT
  64  there are arguments
  70  anything else: a defect
  78  a setting is wrong
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until told to stop.

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
        if arguments:
            raise UsageError(f"there is no argument {arguments[0]}: settings are variables, see -h")
        return asyncio.run(_serve(ExporterSettings.from_environment()))
    except Exception as error:
        return report(error)


async def _serve(settings: ExporterSettings) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    # What is wrong now would be so in each round.
    Identity(settings.process.connection)
    cloudwatch = CloudWatch(settings.cluster, region=settings.region) if settings.cluster else None
    exporter = Exporter(settings, cloudwatch=cloudwatch)
    health = HealthServer(
        settings.address,
        live=exporter.why_not_live,
        ready=exporter.why_not_ready,
        metrics=exporter.render,
        variable="EXPORTER_ADDRESS",
    )
    await health.start()
    _logger.info("serving", extra={"address": health.address})
    running = asyncio.create_task(exporter.run())
    waiting = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        running.cancel()
        waiting.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
        await health.close()
    _logger.info("stopped")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
