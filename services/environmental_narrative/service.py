"""Serves bodybroker.environmental_narrative.v1.EnvironmentalNarrativeService."""

from __future__ import annotations

import protonats
from bodybroker.environmental_narrative.v1 import environmental_narrative_pb2
from bodybroker.environmental_narrative.v1.environmental_narrative_nats import (
    EnvironmentalNarrativeServiceServer,
)


class EnvironmentalNarrativeService(EnvironmentalNarrativeServiceServer):
    """Describes places, scene element by scene element.

    What is known of a zone is kept as its context: facts and labels that other
    services set and that every later scene takes into account.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def generate(
        self,
        request: environmental_narrative_pb2.GenerateRequest,
        context: protonats.CallContext,
    ) -> environmental_narrative_pb2.GenerateResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Generate is not implemented",
        )

    async def update_context(
        self,
        request: environmental_narrative_pb2.UpdateContextRequest,
        context: protonats.CallContext,
    ) -> environmental_narrative_pb2.UpdateContextResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "UpdateContext is not implemented",
        )
