"""`protonats check`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping

import click

from protoc_gen_nats.cli.common import (
    as_value,
    counted,
    json_option,
    print_diff,
    print_json,
    print_outdated,
    print_warnings,
    project_option,
    reports_errors,
)
from protoc_gen_nats.project.drift import Drift, State
from protoc_gen_nats.project.project import Project

__all__ = ["check"]


@click.command()
@project_option
@json_option
@reports_errors
def check(project: Project, as_json: bool) -> None:
    """Check that generated files are what the schemas say.

    Shows what is changed, missing, orphaned or edited by hand as a unified diff, says how to mend
    it, and ends with exit code 1 if anything is: the command for continuous integration. Another
    version of protonats or protoc alone is no drift, and is reported apart.

    \b
    Examples:
      protonats check
      protonats check --json | jq -r '.drift[].path'
    """
    rendered = project.render()
    print_warnings(rendered.warnings)
    found = project.drift(rendered)
    drift = [one for one in found if one.state is not State.TOOLCHAIN]
    outdated = project.outdated(rendered)
    recorded = project.recorded_toolchain()
    changed_tools = dict(recorded) != dict(rendered.toolchain)
    if as_json:
        print_json(
            {
                "clean": not drift,
                "drift": [
                    {"path": one.path, "state": one.state.value, "diff": one.diff} for one in drift
                ],
                "outdated": outdated,
                "warnings": [*map(as_value, rendered.warnings)],
                "toolchain": {
                    "changed": changed_tools,
                    "recorded": dict(recorded),
                    "running": dict(rendered.toolchain),
                    "files": [one.path for one in found if one.state is State.TOOLCHAIN],
                },
            }
        )
    else:
        _print(drift, len(rendered.owned))
        if changed_tools and recorded:
            _print_toolchain(recorded, rendered.toolchain)
        if outdated:
            print_outdated(outdated)
    if drift:
        sys.exit(1)


def _print(drift: list[Drift], total: int) -> None:
    for one in drift:
        click.echo(click.style(f"{one.state.value}: {one.path}", bold=True))
        print_diff(one.diff)
        click.echo()
    if not drift:
        click.echo(f"{total} generated files are what the schemas say.")
        return
    counts = Counter(one.state.value for one in drift)
    summary = ", ".join(f"{count} {state}" for state, count in counts.items())
    click.echo(f"Drift in {counted(len(drift), 'file')}: {summary}.{_advice(drift)}")


def _advice(drift: list[Drift]) -> str:
    """What to do about it."""
    advice = ""
    if any(one.state is State.HAND_EDITED for one in drift):
        advice += (
            " Mend it with `protonats generate --force`, which overwrites what was edited by hand."
        )
    elif not all(one.foreign for one in drift):
        advice += " Mend it with `protonats generate`."
    if foreign := [one.path for one in drift if one.foreign]:
        advice += f" Never generated was {', '.join(foreign)}: delete it."
    return advice


def _print_toolchain(recorded: Mapping[str, str], running: Mapping[str, str]) -> None:
    for tool in sorted({*recorded, *running}):
        before, now = recorded.get(tool, "none"), running.get(tool, "none")
        if before != now:
            click.echo(
                f"Note: generated with {tool} {before}, checked with {now}. That is no drift."
            )
