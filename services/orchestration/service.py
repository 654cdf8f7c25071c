"""Serves bodybroker.orchestration.v1.OrchestrationService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from bodybroker.orchestration.v1 import orchestration_pb2
from bodybroker.orchestration.v1.orchestration_nats import OrchestrationServiceServer
from bodybroker.quest.v1 import quest_pb2


class OrchestrationService(OrchestrationServiceServer):
    """Runs workflows of several steps over other services.

    A step is one call, by the method's full name. Each step is a message in a
    work queue, so it survives the instance that runs it and is tried again.
    When a step fails for good, the compensations of the finished steps run in
    reverse order.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def execute_workflow(
        self,
        request: orchestration_pb2.ExecuteWorkflowRequest,
        context: protonats.CallContext,
    ) -> orchestration_pb2.ExecuteWorkflowResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "ExecuteWorkflow is not implemented",
        )

    def watch_execution(
        self,
        request: orchestration_pb2.WatchExecutionRequest,
        context: protonats.CallContext,
    ) -> AsyncIterator[orchestration_pb2.WatchExecutionResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "WatchExecution is not implemented",
        )

    async def get_status(
        self,
        request: orchestration_pb2.GetStatusRequest,
        context: protonats.CallContext,
    ) -> orchestration_pb2.GetStatusResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "GetStatus is not implemented",
        )

    async def cancel(
        self,
        request: orchestration_pb2.CancelRequest,
        context: protonats.CallContext,
    ) -> orchestration_pb2.CancelResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Cancel is not implemented",
        )

    async def on_quest_generated(
        self,
        event: quest_pb2.QuestGenerated,
        context: protonats.EventContext,
    ) -> None:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "quest_generated is not handled",
        )

    async def on_quest_completed(
        self,
        event: quest_pb2.QuestCompleted,
        context: protonats.EventContext,
    ) -> None:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "quest_completed is not handled",
        )

    async def on_workflow_step_requested(
        self,
        event: orchestration_pb2.WorkflowStepRequested,
        context: protonats.EventContext,
    ) -> None:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "workflow_step_requested is not handled",
        )
