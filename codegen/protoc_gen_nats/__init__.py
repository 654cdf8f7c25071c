"""The generator of protonats: a protoc plugin and the command line around it."""

__version__ = "0.1.0"
