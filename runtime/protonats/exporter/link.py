"""The exporter's connection to NATS, which is made again as often as it takes."""

from __future__ import annotations

from dataclasses import replace

from protonats.connection import Connection, connect
from protonats.errors import Code, StatusError
from protonats.exporter.advisories import Advisories
from protonats.settings import ConnectionSettings

__all__ = ["Link"]


class Link:
    """A connection that may be away.

    Attributes:
        advisories: What JetStream told on it.
    """

    def __init__(self, settings: ConnectionSettings, *, timeout: float) -> None:
        """
        Args:
            settings: Where to connect, and as whom.
            timeout: Seconds for each try.
        """
        self.advisories = Advisories()
        self._settings = replace(settings, startup_timeout=timeout)
        self._connection: Connection | None = None

    @property
    def connected(self) -> bool:
        """Whether it stands."""
        return self._connection is not None and self._connection.is_connected

    async def open(self) -> Connection:
        """The connection; a new one, where there is none or it is closed for good.

        Raises:
            ConfigurationError: A file that the settings name cannot be used.
            StatusError: There is no connection now.
        """
        if self._connection is None or self._connection.is_closed:
            await self.close()
            connection = await connect(self._settings)
            try:
                await self.advisories.listen(connection)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        if not self._connection.is_connected:
            raise StatusError(Code.UNAVAILABLE, "the connection to NATS is lost")
        return self._connection

    async def close(self) -> None:
        """Closes it at once."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
