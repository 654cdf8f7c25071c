"""What tests may look at below a connection."""

from __future__ import annotations

from protonats._transport.nats_client import NatsClient
from protonats._transport.nats_transport import NatsTransport
from protonats.connection import Connection


def transport_of(connection: Connection) -> NatsTransport:
    """The transport of a connection to a real server."""
    transport = connection._transport
    assert isinstance(transport, NatsTransport)
    return transport


def client_of(connection: Connection) -> NatsClient:
    """The NATS client of a connection."""
    return transport_of(connection)._client
