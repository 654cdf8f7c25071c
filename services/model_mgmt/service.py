"""Serves bodybroker.model_mgmt.v1.ModelMgmtService."""

from __future__ import annotations

import protonats
from bodybroker.model_mgmt.v1 import model_mgmt_pb2
from bodybroker.model_mgmt.v1.model_mgmt_nats import ModelMgmtServiceServer


class ModelMgmtService(ModelMgmtServiceServer):
    """Keeps the register of models, and which one is selected for which task."""

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def list_models(
        self,
        request: model_mgmt_pb2.ListModelsRequest,
        context: protonats.CallContext,
    ) -> model_mgmt_pb2.ListModelsResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "ListModels is not implemented",
        )

    async def get_model(
        self,
        request: model_mgmt_pb2.GetModelRequest,
        context: protonats.CallContext,
    ) -> model_mgmt_pb2.GetModelResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "GetModel is not implemented",
        )

    async def select_model(
        self,
        request: model_mgmt_pb2.SelectModelRequest,
        context: protonats.CallContext,
    ) -> model_mgmt_pb2.SelectModelResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "SelectModel is not implemented",
        )
