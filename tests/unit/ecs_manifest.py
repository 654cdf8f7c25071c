"""An environment to render tasks and services for."""

from __future__ import annotations

import tempfile
from pathlib import Path

from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.manifest import load_manifest

__all__ = ["deployed"]

HEAD = """\
version: 1
deployment:
  name: shop
  base_image: docker.io/library/python:3.12-slim
  login: {login}
environments:
  dev:
    region: eu-central-1
    network: 10.20.0.0/16
    registry: ecr
    nats: {{instance_type: m6i.large, disk: 50 GiB, file_store: 40 GiB}}
"""


def deployed(more: str = "", *, login: str = "nkeys") -> tuple[Deployment, Environment]:
    """The deployment, and its environment `dev`.

    Args:
        more: What stands below the environment, indented by four.
        login: How users log in.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "protonats.yaml"
        path.write_text(HEAD.format(login=login) + more)
        manifest = load_manifest(path)
    assert manifest.deployment is not None
    return manifest.deployment, manifest.environments["dev"]
