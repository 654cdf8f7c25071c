"""`protonats deploy`."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from protoc_gen_nats.cli.common import (
    counted,
    json_option,
    print_json,
    print_warnings,
    project_option,
    reports_errors,
)
from protoc_gen_nats.errors import Place, UserError, did_you_mean
from protoc_gen_nats.project.project import Project

if TYPE_CHECKING:
    from protoc_gen_nats.deploying.changes import Change, Detail

__all__ = ["deploy"]

_SIGNS: Final = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
_MOST_DETAILS: Final = 30


@click.group(short_help="Show what a deployment would change, and fill in what it needs.")
def deploy() -> None:
    """Show what a deployment would change, and fill in what only an account knows.

    \b
    Examples:
      protonats deploy plan --against main
      protonats deploy render generated/deploy/dev/ecs/orders/task-definition.json --set image=…
      protonats deploy workflow
    """


@deploy.command()
@project_option
@click.option(
    "--against",
    metavar="WHERE",
    default="HEAD",
    show_default=True,
    help="What is deployed now: a git ref, or a folder with another state of the project.",
)
@click.option("--environment", "-e", "names", multiple=True, help="Only this one. Repeatable.")
@click.option("--all", "whole", is_flag=True, help="Print every detail, however many there are.")
@click.option("--exit-code", is_flag=True, help="End with exit code 1 if anything would change.")
@json_option
@reports_errors
def plan(
    project: Project,
    against: str,
    names: tuple[str, ...],
    whole: bool,
    exit_code: bool,
    as_json: bool,
) -> None:
    """Show what a deployment of the project as it is now would change.

    Compares what is generated from schemas and manifest with what was generated and committed at a
    git ref, and says which images are built anew, what users may do and may not do any more, and
    what becomes of streams, tasks, alerts and costs. What loses something is marked with `!`.
    Nothing is asked of a server: `protonats streams plan` and `terraform plan` do that.

    \b
    Examples:
      protonats deploy plan
      protonats deploy plan --against v1.4.0 --environment production
      protonats deploy plan --against main --json | jq '.changes[] | select(.losses != [])'
    """
    from protoc_gen_nats.deploying.comparing import compare_deployments, environments_of
    from protoc_gen_nats.deploying.trees import FolderTree, tree_of

    rendered = project.render()
    print_warnings(rendered.warnings)
    after = FolderTree(project.root, rendered.owned)
    before = tree_of(project.root, against)
    known = environments_of(before, after)
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no environment {name!r}: {did_you_mean(name, known)}")
    changes = compare_deployments(before, after, names or None)
    if as_json:
        print_json({"against": against, "changes": [*map(_value, changes)]})
    else:
        _print(changes, against, whole=whole)
    if changes and exit_code:
        sys.exit(1)


@deploy.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--set", "pairs", metavar="NAME=VALUE", multiple=True, help="What is filled in. Repeatable."
)
@click.option(
    "--values",
    "values_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON object with names and values; --set comes before it.",
)
@click.option("--list", "only_list", is_flag=True, help="List the names that are to be filled in.")
@reports_errors
def render(file: Path, pairs: tuple[str, ...], values_file: Path | None, only_list: bool) -> None:
    """Fill in what a generated file leaves open, and print it.

    For those who deploy without Terraform: task definitions, services and their scaling name
    what only an account knows as `${image}` or `${execution_role_arn}`. The output is what the AWS
    command line takes as --cli-input-json.

    \b
    Examples:
      protonats deploy render generated/deploy/dev/ecs/orders/task-definition.json --list
      protonats deploy render generated/deploy/dev/ecs/orders/service.json --values account.json
    """
    from protoc_gen_nats.deploying.filling import filled, placeholders

    value = _read(file)
    wanted = placeholders(value)
    if only_list:
        for name in wanted:
            click.echo(name)
        return
    values = _values(values_file)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--set {pair}: write --set NAME=VALUE")
        if name not in wanted:
            raise click.UsageError(f"{file} has no {name!r}: {did_you_mean(name, wanted)}")
        values[name] = text
    print_json(filled(value, values, str(file)))


@deploy.command()
@project_option
@click.option("--force", is_flag=True, help="Overwrite a workflow that was edited by hand.")
@reports_errors
def workflow(project: Project, force: bool) -> None:
    """Put the generated workflow where GitHub looks for it.

    Writes .github/workflows/delivery.yaml, which checks, builds and deploys the project. What it
    needs to know of your account is said at its top. Its first job compares it with what is
    generated, so call this command again when that has changed.

    \b
    Examples:
      protonats deploy workflow
      protonats deploy workflow --force
    """
    from protoc_gen_nats.deploying.workflows import SOURCE, TARGET, install_workflow

    content = project.render().owned.get(SOURCE)
    if content is None:
        raise UserError.of("protonats.yaml has no deployment: write one")
    if install_workflow(project.root, content, force=force):
        click.echo(f"Wrote {TARGET}.")
    else:
        click.echo(f"Nothing to do: {TARGET} is up to date.")


def _values(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    values = _read(file)
    if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
        raise UserError.of("not values: write an object of names and texts", Place(str(file)))
    return values


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError.of(f"no JSON: {error}", Place(str(file))) from None


def _value(change: Change) -> dict[str, Any]:
    return {
        "section": change.section,
        "environment": change.environment,
        "name": change.name,
        "action": change.action.value,
        "details": [
            {"what": one.what, "before": one.before, "after": one.after} for one in change.details
        ],
        "losses": list(change.losses),
    }


def _print(changes: list[Change], against: str, *, whole: bool) -> None:
    from protoc_gen_nats.deploying.comparing import SECTIONS

    for (environment, section), group in groupby(changes, lambda c: (c.environment, c.section)):
        title = f"{environment}: {SECTIONS[section]}" if environment else SECTIONS[section]
        click.echo(click.style(title, bold=True))
        for change in group:
            sign, colour = _SIGNS[change.action.value]
            click.echo(click.style(f"  {sign} {change.name}", fg=colour))
            _print_details(change.details, whole)
            for text in change.losses:
                click.echo(click.style(f"      ! {text}", fg="red"))
        click.echo()
    if not changes:
        click.echo(f"A deployment would change nothing against {against}.")
        return
    lossy = sum(bool(one.losses) for one in changes)
    lost = f", of which {lossy} {'loses' if lossy == 1 else 'lose'} something" if lossy else ""
    click.echo(f"{counted(len(changes), 'change')} against {against}{lost}.")


def _print_details(details: tuple[Detail, ...], whole: bool) -> None:
    shown = details if whole else details[:_MOST_DETAILS]
    width = max((len(one.what) for one in shown), default=0)
    for one in shown:
        what = one.what.ljust(width)
        if one.before is None:
            line, colour = f"+ {what}  {one.after}", "green"
        elif one.after is None:
            line, colour = f"- {what}  {one.before}", "red"
        elif one.before == one.after:
            line, colour = f"~ {what}  {one.after}", "yellow"
        else:
            line, colour = f"~ {what}  {one.before} → {one.after}", "yellow"
        click.echo(click.style(f"      {line}".rstrip(), fg=colour))
    if len(shown) < len(details):
        click.echo(f"      … {len(details) - len(shown)} more, see --all")
