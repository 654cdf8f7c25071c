"""The connection to NATS: the only package that knows a NATS client."""
