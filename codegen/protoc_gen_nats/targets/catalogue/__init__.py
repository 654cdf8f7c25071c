"""`docs/catalogue/`: a static site of services, methods, events, streams and types.

It works from a file: no page asks for anything from a network, and each holds what it shows.
"""

from protoc_gen_nats.targets.catalogue.site import plan

__all__ = ["plan"]
