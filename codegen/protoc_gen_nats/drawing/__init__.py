"""Pictures of a graph of services."""
