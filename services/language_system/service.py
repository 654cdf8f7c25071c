"""Serves bodybroker.language_system.v1.LanguageSystemService."""

from __future__ import annotations

import protonats
from bodybroker.language_system.v1 import language_system_pb2
from bodybroker.language_system.v1.language_system_nats import (
    LanguageSystemServiceServer,
)


class LanguageSystemService(LanguageSystemServiceServer):
    """Translates, detects languages and fills localised templates.

    All answers depend on the request alone and are cached. Languages are
    BCP 47 tags of language, script and region: `en`, `zh-Hant`, `pt-BR`.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def translate(
        self,
        request: language_system_pb2.TranslateRequest,
        context: protonats.CallContext,
    ) -> language_system_pb2.TranslateResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Translate is not implemented",
        )

    async def detect(
        self,
        request: language_system_pb2.DetectRequest,
        context: protonats.CallContext,
    ) -> language_system_pb2.DetectResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Detect is not implemented",
        )

    async def localize(
        self,
        request: language_system_pb2.LocalizeRequest,
        context: protonats.CallContext,
    ) -> language_system_pb2.LocalizeResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Localize is not implemented",
        )
