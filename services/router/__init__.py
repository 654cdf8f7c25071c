"""The implementation of bodybroker.router.v1.RouterService."""
