"""`protonats wheels`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from protoc_gen_nats.cli.common import (
    counted,
    json_option,
    print_json,
    project_option,
    reports_errors,
)
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.project.project import Project

__all__ = ["wheels"]


@click.command()
@project_option
@click.option(
    "--add",
    "added",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="A wheel, or a Python project's folder, that is on no index. Repeatable.",
)
@click.option(
    "--python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The Python that the wheels are for. Default: the one that runs this.",
)
@json_option
@reports_errors
def wheels(project: Project, added: tuple[Path, ...], python: Path | None, as_json: bool) -> None:
    """Collect the packages that images install.

    Reads the locked requirements that protonats.yaml names for services, for the images of the
    tools and of the exporter, and for what lists the packages of an image; checks the hashes; and
    writes the wheels to build/wheels/, where the Dockerfiles in generated/deploy/images find them.
    So a build needs no network, no index and no credentials. The Python has to be of the version
    and for the platform of the images.

    \b
    Examples:
      protonats wheels
      protonats wheels --add ../shared-library --python /usr/bin/python3.11
    """
    from protoc_gen_nats.permissions import user_of
    from protoc_gen_nats.targets.images import requirements_of
    from protoc_gen_nats.targets.images.image import wheels_of
    from protoc_gen_nats.wheels import collect

    manifest = project.manifest()
    deployment = manifest.deployment
    if deployment is None:
        raise UserError.of(f"{manifest.path} has no `deployment`, so there are no images")
    users = map(user_of, project.schema().services)
    runtimes = {requirements_of(user, manifest) for user in users}
    runtimes |= {deployment.tools_requirements, deployment.exporter_requirements}
    files = sorted({*runtimes, deployment.build_requirements})
    houses = []
    for house in collect(
        project.root,
        {file: wheels_of(file) for file in files},
        runtimes=runtimes,
        added=added,
        python=python,
    ):
        houses.append(house)
        if not as_json:
            size = f"{house.size / 1e6:.1f} MB"
            click.echo(f"{house.folder}: {counted(len(house.wheels), 'wheel')}, {size}")
    if as_json:
        print_json([asdict(house) for house in houses])
