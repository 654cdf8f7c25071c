"""Serves bodybroker.story_teller.v1.StoryTellerService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from bodybroker.story_teller.v1 import story_teller_pb2
from bodybroker.story_teller.v1.story_teller_nats import StoryTellerServiceServer


class StoryTellerService(StoryTellerServiceServer):
    """Tells stories in segments, with choices in between.

    After each segment the story is kept as a checkpoint. Any checkpoint can be
    continued, so a story is a tree and no branch is lost. Lore is looked up in
    the knowledge base, and cited.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def generate(
        self,
        request: story_teller_pb2.GenerateRequest,
        context: protonats.CallContext,
    ) -> story_teller_pb2.GenerateResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Generate is not implemented",
        )

    def stream_generate(
        self,
        request: story_teller_pb2.StreamGenerateRequest,
        context: protonats.CallContext,
    ) -> AsyncIterator[story_teller_pb2.StreamGenerateResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "StreamGenerate is not implemented",
        )

    async def evaluate(
        self,
        request: story_teller_pb2.EvaluateRequest,
        context: protonats.CallContext,
    ) -> story_teller_pb2.EvaluateResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Evaluate is not implemented",
        )

    async def continue_(
        self,
        request: story_teller_pb2.ContinueRequest,
        context: protonats.CallContext,
    ) -> story_teller_pb2.ContinueResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Continue is not implemented",
        )
