"""The implementation of bodybroker.ai_router.v1.AiRouterService."""
