"""The implementation of bodybroker.orchestration.v1.OrchestrationService."""
