"""Serves email.v1.MailService."""

from __future__ import annotations

import protonats
from acme_project.gen import common_pb2
from acme_project.gen.class_ import letter_pb2
from acme_project.gen.email.v1.mail_nats import MailServiceServer


class MailService(MailServiceServer):
    """In a folder that is called like a package of Python's own."""

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def send(
        self,
        request: letter_pb2.Letter,
        context: protonats.CallContext,
    ) -> common_pb2.Receipt:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Send is not implemented",
        )
