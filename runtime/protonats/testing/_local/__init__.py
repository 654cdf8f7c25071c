"""NATS and JetStream in one process, without a server."""
