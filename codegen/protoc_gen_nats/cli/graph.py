"""`protonats graph`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from protoc_gen_nats.cli.common import project_option, reports_errors
from protoc_gen_nats.cli.schemas import complete_services
from protoc_gen_nats.project.project import Project

__all__ = ["graph"]

_FORMATS = ("text", "svg", "dot", "mermaid", "json")


@click.command()
@project_option
@click.option(
    "--format",
    "kind",
    type=click.Choice(_FORMATS),
    help="Default: what the ending of --output says, or text.",
)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file instead of printing.",
)
@click.option(
    "--focus",
    metavar="SERVICE",
    shell_complete=complete_services,
    help="Only this service and its neighbours.",
)
@reports_errors
def graph(project: Project, kind: str | None, output: Path | None, focus: str | None) -> None:
    """Show who calls whom, and whose events reach whom.

    An SVG needs nothing beside it, and is light or dark as its viewer prefers. A service that may
    call any other, by a wildcard, is marked as such.

    \b
    Examples:
      protonats graph
      protonats graph --focus quest
      protonats graph --output services.svg
      protonats graph --format dot | dot -Tpng -o services.png
    """
    # Loaded here: `protonats --help` needs none of it.
    from protoc_gen_nats.drawing import svg, text
    from protoc_gen_nats.drawing.links import shown
    from protoc_gen_nats.graph import Graph

    kind = kind or _format_of(output)
    whole = Graph.of(project.schema())
    if kind == "svg":
        content = svg.draw(whole, focus=focus)
    else:
        what = shown(whole, focus)
        if kind == "json":
            content = json.dumps(text.value(what), indent=2, ensure_ascii=False) + "\n"
        else:
            content = {"text": text.tree, "dot": text.dot, "mermaid": text.mermaid}[kind](what)
    if output is None:
        click.echo(content, nl=False)
    else:
        output.write_text(content, encoding="utf-8")
        click.echo(f"wrote {output}", err=True)


def _format_of(output: Path | None) -> str:
    endings = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".json": "json"}
    return "text" if output is None else endings.get(output.suffix, "text")
