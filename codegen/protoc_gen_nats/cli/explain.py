"""`protonats explain`."""

from __future__ import annotations

import click

from protoc_gen_nats.cli.common import json_option, print_json, project_option, reports_errors
from protoc_gen_nats.cli.schemas import complete_names
from protoc_gen_nats.project.project import Project

__all__ = ["explain"]


@click.command()
@click.argument("name", metavar="SERVICE|METHOD|EVENT|FILE", shell_complete=complete_names)
@project_option
@json_option
@reports_errors
def explain(name: str, project: Project, as_json: bool) -> None:
    """Show what a part of the schemas turns into.

    Subjects, time-outs and retries, streams and consumers, who calls and consumes it, what its user
    has to be allowed on the server, and the generated files. A name is a full one, or the end of
    one.

    \b
    Examples:
      protonats explain quest
      protonats explain QuestService.GenerateQuest
      protonats explain QuestCompleted
      protonats explain proto/acme/quest/v1/quest.proto
      protonats explain quest --json | jq .permissions
    """
    # Loaded here: `protonats --help` needs none of it.
    from protoc_gen_nats.explaining.targets import find
    from protoc_gen_nats.explaining.text import lines
    from protoc_gen_nats.explaining.values import Explainer
    from protoc_gen_nats.project.schemas import find_schemas

    manifest, schema = project.manifest(), project.schema()
    for folder in manifest.proto_roots:
        name = name.removeprefix(f"{folder}/")
    folders = find_schemas(project.root, manifest)
    value = Explainer(schema, manifest, folders).explain(find(schema, name))
    if as_json:
        print_json(value)
    else:
        click.echo("\n".join(lines(value)))
