"""The implementation of bodybroker.ai_integration.v1.AiIntegrationService."""
