"""The implementation of bodybroker.capability_registry.v1.CapabilityRegistryService."""
