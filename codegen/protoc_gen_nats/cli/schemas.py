"""The options by which commands know services, events and messages, and how a shell completes
their names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from protoc_gen_nats.errors import UserError

if TYPE_CHECKING:
    from protoc_gen_nats.live.schemas import Schemas

__all__ = [
    "complete_events",
    "complete_methods",
    "complete_names",
    "complete_services",
    "find_schemas",
    "nearest_project",
    "require_schemas",
    "schema_option",
]

R = TypeVar("R")

schema_option: Final = click.option(
    "--schema",
    "-S",
    type=click.Path(exists=True, path_type=Path),
    help="Where the schemas are: a project, a descriptor image, or a folder with generated Python"
    " code. Default: the nearest project upwards.",
)


def find_schemas(path: Path | None) -> Schemas | None:
    """The schemas in `path`, by default of the nearest project upwards; None if there is none.

    Raises:
        UserError: They are wrong.
    """
    from protoc_gen_nats.live.loading import load_schemas

    found = path or nearest_project()
    return None if found is None else load_schemas(found)


def require_schemas(path: Path | None) -> Schemas:
    """The schemas in `path`, by default of the nearest project upwards.

    Raises:
        UserError: There are none, or they are wrong.
    """
    from protoc_gen_nats.project.project import MANIFEST_NAME

    schemas = find_schemas(path)
    if schemas is None:
        raise UserError.of(
            f"no schemas: there is no {MANIFEST_NAME} in {Path.cwd()} or above it; go to the"
            " project, or name it, a descriptor image or generated code with --schema"
        )
    return schemas


def nearest_project() -> Path | None:
    """The folder of the nearest project upwards from here; None if there is none."""
    from protoc_gen_nats.project.project import MANIFEST_NAME

    folder = Path.cwd()
    for one in (folder, *folder.parents):
        if (one / MANIFEST_NAME).is_file():
            return one
    return None


Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


Names = Callable[[dict[str, Any]], Iterator[tuple[str, str]]]


def _completes(names: Names, shorter: Names | None = None) -> Completion:
    """Completes from what the last generation wrote: a shell does not wait for protoc.

    Args:
        names: The names of a service, with what they are.
        shorter: Other names, for what none of these begins with.
    """

    def complete(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from protoc_gen_nats.project.lock import OWNED

        project = context.params.get("project")
        given = context.params.get("schema") or getattr(project, "root", project)
        path = given or nearest_project()
        try:
            text = Path(path or "", OWNED, "deploy", "services.json").read_text(encoding="utf-8")
            services = json.loads(text)["services"]
            for kind in filter(None, (names, shorter)):
                pairs = {name: about for one in services for name, about in kind(one)}
                fitting = [pair for pair in sorted(pairs.items()) if pair[0].startswith(incomplete)]
                if fitting:
                    return [CompletionItem(name, help=about) for name, about in fitting]
        except (OSError, TypeError, ValueError, KeyError):
            pass
        return []

    return complete


def _methods(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for method in service["methods"]:
        yield f"{service['full_name']}.{method['name']}", method["kind"].replace("_", " ")


def _short_methods(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for method in service["methods"]:
        operation = method["subject"].removeprefix(f"svc.{service['domain']}.").split(".")[1]
        yield f"{service['name']}.{operation}", method["kind"].replace("_", " ")


def _services(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield service["name"], service["description"]


def _events(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for event in service["publishes"]:
        yield event, f"of {service['name']}"


def _short_events(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for event, about in _events(service):
        yield event.rpartition(".")[2], about


def _all(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield service["full_name"], service["description"]
    yield from _methods(service)
    yield from _events(service)


def _all_shorter(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _services(service)
    yield from _short_methods(service)
    yield from _short_events(service)


complete_methods: Final = _completes(_methods, _short_methods)
complete_services: Final = _completes(_services)
complete_events: Final = _completes(_events, _short_events)
complete_names: Final = _completes(_all, _all_shorter)
