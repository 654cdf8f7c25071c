"""`protonats diff`."""

from __future__ import annotations

import sys

import click

from protoc_gen_nats.cli.common import (
    as_value,
    counted,
    json_option,
    print_diff,
    print_json,
    print_warnings,
    project_option,
    reports_errors,
)
from protoc_gen_nats.project.planning import Action, Change
from protoc_gen_nats.project.project import Project

__all__ = ["diff"]


@click.command()
@project_option
@click.option("--stat", is_flag=True, help="Print how many lines of each file change, no diff.")
@click.option("--exit-code", is_flag=True, help="End with exit code 1 if anything would change.")
@json_option
@reports_errors
def diff(project: Project, stat: bool, exit_code: bool, as_json: bool) -> None:
    """Show what `protonats generate` would change, as a diff.

    Standard output holds nothing but a unified diff, as `git apply -p0` takes it; of message
    modules, which are compiled, only the name. It shows the files that would be begun below
    services/ too, and says what becomes of each file, where `protonats check` says why it differs
    and how to mend that, and ends with exit code 1.

    \b
    Examples:
      protonats diff
      protonats diff --stat
      protonats diff --json | jq -r '.changes[] | select(.action == "remove").path'
    """
    rendered = project.render()
    changes = project.plan(rendered)
    print_warnings(rendered.warnings)
    if as_json:
        print_json(
            {
                "changes": [
                    {
                        "path": one.path,
                        "action": one.action.value,
                        "edited": one.edited,
                        "diff": "" if one.action is Action.KEEP else one.diff,
                    }
                    for one in changes
                ],
                "warnings": [*map(as_value, rendered.warnings)],
            }
        )
    elif stat:
        _print_stat(changes)
    else:
        for one in changes:
            if one.action is not Action.KEEP:
                print_diff(one.diff if "\n@@ " in one.diff else f"# {one.path} (compiled)\n")
    if edited := [one.path for one in changes if one.edited]:
        text = "edited by hand: `protonats generate` overwrites that only with --force"
        for path in edited:
            click.echo(f"{click.style('note', bold=True)}: {path}: {text}", err=True)
    if exit_code and any(one.action is not Action.KEEP for one in changes):
        sys.exit(1)


def _print_stat(changes: list[Change]) -> None:
    width = max((len(one.path) for one in changes), default=0)
    for one in changes:
        lines = one.diff.splitlines()[2:]
        plus, minus = (sum(line.startswith(sign) for line in lines) for sign in "+-")
        counts = f"+{plus} -{minus}" if one.action is not Action.KEEP and plus + minus else ""
        click.echo(f"{one.action.value:>6}  {one.path:<{width}}  {counts}".rstrip())
    changed = [one for one in changes if one.action is not Action.KEEP]
    click.echo(f"{counted(len(changed), 'file')} would change.")
