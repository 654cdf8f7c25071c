"""The generator of protonats: a protoc plugin and the command line around it."""

from protonats._version import __version__

__all__ = ["__version__"]
