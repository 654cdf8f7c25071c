"""`protonats breaking`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import click

from protoc_gen_nats.cli.common import (
    counted,
    json_option,
    print_json,
    project_option,
    reports_errors,
)
from protoc_gen_nats.comparing.compare import compare
from protoc_gen_nats.comparing.findings import Finding
from protoc_gen_nats.comparing.ignoring import Ignored, parse_ignored
from protoc_gen_nats.comparing.sources import current, other
from protoc_gen_nats.comparing.table import RULES
from protoc_gen_nats.errors import Severity, UserError
from protoc_gen_nats.project.project import Project

__all__ = ["breaking"]

_TITLES = {
    "messages": "Messages",
    "json": "Messages as JSON",
    "calls": "Calls",
    "events": "Events",
    "deployment": "Streams, consumers and buckets",
    "permissions": "Permissions",
}
_ROLES = {
    "caller": "called by",
    "caller by wildcard": 'may be called by (calls: "*")',
    "consumer": "consumed by",
    "publisher": "published by",
    "server": "served by",
    "owner": "owned by",
}


def _ignored(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> Sequence[Ignored]:
    try:
        return parse_ignored(values)
    except UserError as error:
        raise click.BadParameter(str(error), context, parameter) from error


def _print_rules(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value:
        return
    width = max(map(len, RULES))
    for group, rules in groupby(RULES.values(), lambda rule: rule.group):
        click.echo(click.style(_TITLES[group], bold=True))
        for rule in rules:
            note = " A note, no break." if rule.severity is Severity.WARNING else ""
            click.echo(f"  {rule.name:{width}}  {rule.summary}{note}")
        click.echo()
    context.exit()


@click.command(short_help="Check that a change breaks no caller, consumer or deployment.")
@project_option
@click.option(
    "--against",
    metavar="WHERE",
    help="What to compare with: a git ref, a folder, or an image of `buf build -o` or `protoc"
    " --descriptor_set_out`. Default: breaking.against in protonats.yaml.",
)
@click.option(
    "--ignore",
    metavar="RULE[:NAME]",
    multiple=True,
    callback=_ignored,
    help="Let a rule be broken, everywhere or by the element of that name. Repeatable. Adds to"
    " breaking.ignore in protonats.yaml.",
)
@click.option(
    "--unstable", is_flag=True, help="Hold alpha and beta packages to the same rules as the others."
)
@click.option(
    "--rules",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_rules,
    help="List all rules, and do nothing else.",
)
@json_option
@reports_errors
def breaking(
    project: Project, against: str | None, ignore: Sequence[Ignored], unstable: bool, as_json: bool
) -> None:
    """Check that a change of the schemas breaks nobody.

    Compares schemas and manifest with how they were, and says what breaks, where, and for which
    services. Ends with exit code 1 if anything does. What has to be granted or created before
    something is rolled out is told too, as is what others only notice, and is no break; nor is a
    change of an alpha or beta package.

    \b
    Examples:
      protonats breaking --against main
      protonats breaking --against HEAD~1 --ignore TIMEOUT_LOWERED
      protonats breaking --against ../released --json | jq -r '.findings[].affected[].service'
      buf build -o released.binpb && protonats breaking --against released.binpb
    """
    manifest = project.manifest()
    settings = manifest.breaking
    against = against or settings.against
    if against is None:
        raise click.UsageError("name what to compare with: --against main, a folder or an image")
    after = current(project.root)
    before = other(project.root, against, manifest.exclude)
    passed = (*ignore, *parse_ignored(settings.ignore, manifest.path))
    found = compare(before, after)
    kept = [one for one in found if not any(ignored.passes(one) for ignored in passed)]
    breaks = [one for one in kept if one.severity is Severity.ERROR or (unstable and one.unstable)]
    if as_json:
        print_json(
            {
                "clean": not breaks,
                "against": against,
                "findings": [_value(one, breaking=one in breaks) for one in kept],
                "ignored": len(found) - len(kept),
            }
        )
    else:
        _print(kept, breaks, against, ignored=len(found) - len(kept))
    if breaks:
        sys.exit(1)


def _value(finding: Finding, *, breaking: bool) -> dict[str, Any]:
    place = finding.place
    return {
        "rule": finding.rule.name,
        "group": finding.rule.group,
        "breaking": breaking,
        "unstable": finding.unstable,
        "element": finding.element,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "text": finding.text,
        "affected": [{"service": one.service, "role": one.role} for one in finding.affected],
    }


def _print(kept: list[Finding], breaks: list[Finding], against: str, *, ignored: int) -> None:
    told = [one for one in kept if one not in breaks]
    for group, findings in groupby(breaks, lambda one: one.rule.group):
        _print_section(_TITLES[group], findings, "red")
    unstable = [one for one in told if one.unstable]
    _print_section("No break: alpha and beta packages", unstable, "yellow")
    warnings = [one for one in told if not one.unstable]
    before = [one for one in warnings if one.rule.group == "permissions"]
    _print_section("No break: do it before the services are rolled out", before, "yellow")
    others = [one for one in warnings if one not in before]
    _print_section("No break: others notice it", others, "yellow")
    counts = counted(len(breaks), "breaking change") if breaks else "Nothing breaks"
    summary = f"{counts} since {against}"
    if told:
        summary += f", {counted(len(told), 'other change')} to know of"
    if ignored:
        summary += f", {ignored} ignored"
    click.echo(f"{summary}.")
    if breaks:
        first = breaks[0]
        click.echo(
            f"If it is meant: --ignore {first.rule.name}, or --ignore"
            f" '{first.rule.name}:{first.element}'."
        )


def _print_section(title: str, findings: Iterable[Finding], colour: str) -> None:
    listed = list(findings)
    if not listed:
        return
    click.echo(click.style(title, bold=True))
    for one in listed:
        click.echo(f"  {click.style(one.rule.name, fg=colour)}  {one.place}")
        click.echo(f"    {one.element}: {one.text}")
        for role, label in _ROLES.items():
            if names := [who.service for who in one.affected if who.role == role]:
                click.echo(click.style(f"    {label} {', '.join(names)}", fg="cyan"))
    click.echo()
