"""What the commands share."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import click

from protoc_gen_nats.errors import Problem, UserError
from protoc_gen_nats.words import counted

if TYPE_CHECKING:
    from protoc_gen_nats.project.project import Project

__all__ = [
    "as_value",
    "counted",
    "json_option",
    "print_diff",
    "print_json",
    "print_outdated",
    "print_warnings",
    "project_option",
    "reports_errors",
]

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def _project(context: click.Context, parameter: click.Parameter, value: Path | None) -> Project:
    """The project in a folder, or in the nearest folder above with a manifest."""
    # Loaded when it is needed: some commands know of no project.
    from protoc_gen_nats.project.project import MANIFEST_NAME, Project

    start = (value or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / MANIFEST_NAME).is_file():
            return Project(folder)
    raise click.UsageError(
        f"no {MANIFEST_NAME} in {start} or above it: go to the project, or name it with --project"
    )


project_option = click.option(
    "--project",
    "-C",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    callback=_project,
    help="The project's folder. Default: the nearest one upwards with a protonats.yaml.",
)


def print_json(value: Any) -> None:
    """Prints a value as JSON on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_diff(diff: str) -> None:
    """Prints a unified diff, in colours on a terminal."""
    for line in diff.split("\n")[:-1]:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        click.echo(click.style(line, fg=colour))


def as_value(problem: Problem) -> dict[str, str | int]:
    """A problem as `--json` prints it."""
    place = problem.place
    position: dict[str, str | int] = {
        "path": place.path,
        "line": place.line,
        "column": place.column,
    }
    return {**position, "text": problem.text, "severity": problem.severity.value}


def print_warnings(warnings: Iterable[Problem]) -> None:
    """Prints what is probably not meant on standard error, one problem a line."""
    for problem in warnings:
        click.echo(f"{click.style('warning', fg='yellow', bold=True)}: {problem}", err=True)


def print_outdated(paths: Sequence[str]) -> None:
    """Prints what services/ lacks since the schemas grew."""
    what = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    click.echo(f"Note: {what} began with an older schema. Merge what is new: `protonats update`.")


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Prints what is wrong on standard error, one problem a line, and ends with exit code 1.

    That is a UserError, or an OSError: a file that cannot be read or written.
    """

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except UserError as error:
            _fail(*map(str, error.problems))
        except BrokenPipeError:  # click ends quietly
            raise
        except OSError as error:
            _fail(f"{error.filename or 'this machine'}: {error.strerror or error}")

    return wrapped


def _fail(*problems: str) -> NoReturn:
    for problem in problems:
        click.echo(f"{click.style('error', fg='red', bold=True)}: {problem}", err=True)
    sys.exit(1)
