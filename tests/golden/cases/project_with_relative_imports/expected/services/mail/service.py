"""Serves relative.email.v1.MailService."""

from __future__ import annotations

import protonats
from acme_relative import shared_pb2
from acme_relative.finally_ import letter_pb2
from acme_relative.mails.v1.mail_nats import MailServiceServer


class MailService(MailServiceServer):
    """relative.email.v1.MailService"""

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def send(
        self,
        request: letter_pb2.Letter,
        context: protonats.CallContext,
    ) -> shared_pb2.Receipt:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Send is not implemented",
        )
