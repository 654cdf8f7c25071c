"""`protonats update`."""

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
from protoc_gen_nats.project.planning import Action
from protoc_gen_nats.project.project import Project
from protoc_gen_nats.project.updating import ScaffoldUpdate, UpdateState

__all__ = ["update"]

_LABELS = {
    UpdateState.BEGUN: ("began", "cyan"),
    UpdateState.MERGED: ("merged", "green"),
    UpdateState.CONFLICT: ("conflict", "red"),
    UpdateState.UNRESOLVED: ("skipped", "red"),
    UpdateState.RECORDED: ("as it was", None),
    UpdateState.ORPHANED: ("orphaned", "yellow"),
}


@click.command()
@project_option
@click.option("--dry-run", is_flag=True, help="Write nothing, and say what would be done.")
@click.option("--diff", "as_diff", is_flag=True, help="Write nothing, and show the diff.")
@click.option("--force", is_flag=True, help="Overwrite generated files that were edited by hand.")
@json_option
@reports_errors
def update(project: Project, dry_run: bool, as_diff: bool, force: bool, as_json: bool) -> None:
    """Generate, and merge what the schemas add into your services.

    A file below services/ is written once and then yours. When its schema changes, git merges the
    change into what you made of it. Where you changed the same lines both stand in the file between
    git's markers, and the command ends with exit code 1. Nothing you wrote is ever dropped: a
    method that no schema has any more stays, and so does the folder of a service that is gone.

    What a service was begun with is kept in .protonats/, which belongs into version control.

    \b
    Examples:
      protonats update --diff        # look first
      protonats update
    """
    rendered = project.render()
    print_warnings(rendered.warnings)
    if dry_run or as_diff:
        generated = [one for one in project.plan(rendered) if one.action is not Action.KEEP]
        count = sum(one.action is not Action.BEGIN for one in generated)
        updates = project.plan_updates(rendered)
        words = "would change"
    else:
        outcome, updates = project.update(rendered, force=force)
        count = len(outcome.written) + len(outcome.removed)
        words = "changed"
    if as_json:
        print_json(
            {
                "dry_run": dry_run or as_diff,
                "generated": count,
                "scaffolds": [
                    {
                        "path": one.path,
                        "state": one.state.value,
                        "conflicts": one.conflicts,
                        "notes": one.notes,
                        "diff": one.diff,
                    }
                    for one in updates
                ],
                "warnings": [*map(as_value, rendered.warnings)],
            }
        )
    elif as_diff:
        for one in updates:
            print_diff(one.diff)
    else:
        _print(updates)
        click.echo(f"{counted(count, 'generated file')} {words}. {_summary(updates)}")
    unfinished = [one.state in (UpdateState.CONFLICT, UpdateState.UNRESOLVED) for one in updates]
    if any(unfinished):
        sys.exit(1)


def _print(updates: list[ScaffoldUpdate]) -> None:
    for one in updates:
        if one.state is UpdateState.RECORDED and not one.notes:
            continue
        label, colour = _LABELS[one.state]
        click.echo(f"{click.style(f'{label:>9}', fg=colour)}  {one.path}")
        for note in one.notes:
            click.echo(f"{'':>11}{note}")
        if one.state is UpdateState.CONFLICT:
            places = counted(one.conflicts, "place")
            click.echo(f"{'':>11}you changed the same lines: resolve {places} marked <<<<<<<")


def _summary(updates: list[ScaffoldUpdate]) -> str:
    counts = [
        (sum(one.state is state for one in updates), word)
        for state, word in (
            (UpdateState.BEGUN, "begun"),
            (UpdateState.MERGED, "merged"),
            (UpdateState.CONFLICT, "with conflicts"),
            (UpdateState.UNRESOLVED, "skipped"),
        )
    ]
    said = [f"{count} {word}" for count, word in counts if count]
    return f"Of your files: {', '.join(said)}." if said else "Nothing to merge into your files."
