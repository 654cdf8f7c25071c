"""`deploy/images/`: one image for each service, and those of the tools and the exporter, from one
template.

Beside each Dockerfile are the list of what its build reads, and the component whose packages the
image lists.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from functools import partial

from protoc_gen_nats.environments import Deployment, ServiceSettings
from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema, Service
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.rendering.templates import render as render_template
from protoc_gen_nats.targets.images.image import Copy, Image, by_folder
from protoc_gen_nats.targets.images.modules import ModuleSet
from protoc_gen_nats.targets.scaffold import implementation_class, implementation_module

__all__ = ["EXPORTER", "EXPORTER_PORT", "TOOLS", "plan", "requirements_of"]

TOOLS = "tools"
"""The image of the command line, which creates streams and renews keys where the platform runs."""

EXPORTER = "exporter"
"""The image of what tells Prometheus about the NATS servers and the services."""

EXPORTER_PORT = 7777

_FILES = ("Dockerfile", "Dockerfile.dockerignore", "component.toml")
_ROOT = "/srv"
_SERVE = ("python", "-m", "protonats.serve")
_HEALTH = ("python", "-m", "protonats.health_check")
_ACTIVATION = ("bin/[Aa]ctivate*",)
_PACKAGES = "lib/python3*/site-packages"
_JOINT = " \\\n        "
"""What stands between the words of a command that has a line for each."""

_GENERATOR = (
    "bin/protonats",
    "bin/protoc-gen-nats",
    f"{_PACKAGES}/protoc_gen_nats",
    f"{_PACKAGES}/protonats/testing",
)


def plan(schema: Schema, manifest: Manifest) -> Iterator[PlannedFile]:
    """Plans the files of all images."""
    assert manifest.deployment is not None
    images = _Images(schema, manifest, manifest.deployment)
    for service in schema.services:
        yield from images.files(user_of(service), partial(images.service, service))
    yield from images.files(EXPORTER, images.exporter)
    yield from images.files(TOOLS, images.tools)


def requirements_of(user: str, manifest: Manifest) -> str:
    """The file with the packages of a service's image, which is the same in all environments."""
    for environment in manifest.environments.values():
        return environment.service(user).requirements
    return ServiceSettings().requirements


class _Images:
    """What is in the images of a platform."""

    def __init__(self, schema: Schema, manifest: Manifest, deployment: Deployment) -> None:
        self._schema = schema
        self._manifest = manifest
        self._deployment = deployment
        self._modules: ModuleSet | None = None

    def files(self, name: str, image: Callable[[], Image]) -> Iterator[PlannedFile]:
        """Plans the files of one image."""
        for file in _FILES:
            path = f"deploy/images/{name}/{file}"
            yield PlannedFile(
                path=path,
                render=partial(_render, path, file, image),
                files=self._schema.files,
            )

    def service(self, service: Service) -> Image:
        """The image of a service."""
        user = user_of(service)
        target = f"{implementation_module(service)}:{implementation_class(service)}"
        settings = [one.service(user) for one in self._manifest.environments.values()]
        starts = dict.fromkeys((one.arguments for one in settings), None) or {(): None}
        return Image(
            name=user,
            title=" ".join(
                f"{service.full_name}: {service.description}".removesuffix(": ").split()
            ),
            version=service.version,
            base=self._deployment.base_image,
            requirements=requirements_of(user, self._manifest),
            build_requirements=self._deployment.build_requirements,
            removed=(*_ACTIVATION, *_GENERATOR),
            copies=tuple(self._copies(service, settings)),
            checks=(
                *(shlex.join((*_SERVE, "--check", *start, target)) for start in starts),
                "python -c 'import protonats.health_check'",
            ),
            entrypoint=_SERVE,
            command=(target,),
            health=_HEALTH,
            port=8080,
        )

    def exporter(self) -> Image:
        """The image of the exporter, with the plans that it compares what runs with."""
        plan, services = f"{_ROOT}/jetstream.json", f"{_ROOT}/services.json"
        return Image(
            name=EXPORTER,
            title=f"Tells Prometheus about the servers and services of {self._deployment.name}.",
            version="0.0.0",
            base=self._deployment.base_image,
            requirements=self._deployment.exporter_requirements,
            build_requirements=self._deployment.build_requirements,
            removed=(*_ACTIVATION, *_GENERATOR),
            copies=(
                Copy(sources=("generated/deploy/nats/jetstream.json",), destination=plan),
                Copy(sources=("generated/deploy/services.json",), destination=services),
            ),
            checks=("python -c 'import protonats.exporter, protonats.health_check, boto3'",),
            entrypoint=("python", "-m", "protonats.exporter"),
            health=_HEALTH,
            port=EXPORTER_PORT,
            variables=(
                ("EXPORTER_PLAN", plan),
                ("EXPORTER_SERVICES", services),
                ("PROTONATS_HEALTH_ADDRESS", f"0.0.0.0:{EXPORTER_PORT}"),
            ),
        )

    def tools(self) -> Image:
        """The image of the command line."""
        manifest = self._manifest
        folders = [*manifest.proto_roots, *([manifest.templates] if manifest.templates else [])]
        return Image(
            name=TOOLS,
            title=f"The command line of {self._deployment.name}: streams, keys, certificates.",
            version="0.0.0",
            base=self._deployment.base_image,
            requirements=self._deployment.tools_requirements,
            build_requirements=self._deployment.build_requirements,
            removed=_ACTIVATION,
            copies=(
                Copy(sources=(manifest.path,), destination=f"{_ROOT}/{manifest.path}"),
                *(Copy(sources=(f"{one}/",), destination=f"{_ROOT}/{one}/") for one in folders),
            ),
            checks=("protonats graph > /dev/null",),
            entrypoint=("protonats",),
            volumes=("/tmp",),
        )

    def _copies(self, service: Service, settings: list[ServiceSettings]) -> Iterator[Copy]:
        package = implementation_module(service).rpartition(".")[0].replace(".", "/")
        yield Copy(sources=(f"{package}/",), destination=f"{_ROOT}/{package}/")
        for path in dict.fromkeys(path for one in settings for path in one.files):
            yield Copy(sources=(path,), destination=f"{_ROOT}/{path}")
        if self._modules is None:
            self._modules = ModuleSet(self._schema)
        yield from by_folder("generated/python", self._modules.of(service), _ROOT)


def _render(path: str, file: str, image: Callable[[], Image]) -> GeneratedFile:
    made = image()
    component = {
        "name": json.dumps(made.name, ensure_ascii=False),
        "version": json.dumps(made.version, ensure_ascii=False),
        "description": json.dumps(made.title, ensure_ascii=False),
    }
    values = {"image": made, "component": component, "joint": _JOINT}
    return GeneratedFile(path=path, content=render_template(f"images/{file}.j2", values))
