"""What the commands share."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.project.project import MANIFEST_NAME, Project

__all__ = ["counted", "json_option", "print_json", "project_option", "reports_errors"]

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def _project(context: click.Context, parameter: click.Parameter, value: Path | None) -> Project:
    """The project in a folder, or in the nearest folder above with a manifest."""
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


def counted(number: int, noun: str) -> str:
    """A number of things: `1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
