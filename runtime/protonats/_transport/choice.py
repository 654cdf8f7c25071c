"""Which transport a connection to NATS gets."""

from __future__ import annotations

import logging
import os
from typing import Final

from nats.aio.client import __version__ as nats_py

from protonats._transport.fast_transport import FastTransport
from protonats._transport.message import Listener
from protonats._transport.nats_transport import NatsTransport
from protonats._transport.transport import Transport
from protonats.errors import ConfigurationError
from protonats.settings import ConnectionSettings

_logger = logging.getLogger("protonats")

_TESTED: Final = ("2.15", "2.16")
"""The versions of nats-py whose inner parts the fast transport was tested with."""

_VARIABLE: Final = "PROTONATS_TRANSPORT"


def nats_transport(settings: ConnectionSettings, listener: Listener) -> Transport:
    """The fast transport, where the installed nats-py is one that it was tested with and
    PROTONATS_TRANSPORT is not `public`.

    Raises:
        ConfigurationError: PROTONATS_TRANSPORT is something else than `auto` or `public`.
    """
    choice = os.environ.get(_VARIABLE) or "auto"
    if choice not in ("auto", "public"):
        raise ConfigurationError(f"{_VARIABLE} is {choice!r}: write auto or public")
    if choice == "public":
        return NatsTransport(settings, listener)
    if not nats_py.startswith(tuple(f"{version}." for version in _TESTED)):
        _logger.warning(
            "nats-py %s is not one of %s, which the fast transport was tested with: using the"
            " public interface of nats-py, which is slower",
            nats_py,
            ", ".join(_TESTED),
        )
        return NatsTransport(settings, listener)
    return FastTransport(settings, listener)
