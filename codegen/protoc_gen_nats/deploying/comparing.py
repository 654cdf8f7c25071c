"""What a deployment would change: two states of a project, artefact by artefact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from protoc_gen_nats.deploying.alerts import alert_changes
from protoc_gen_nats.deploying.changes import Action, Change, Detail, differences
from protoc_gen_nats.deploying.images import image_changes
from protoc_gen_nats.deploying.permissions import permission_changes
from protoc_gen_nats.deploying.streams import stream_changes
from protoc_gen_nats.deploying.trees import DEPLOY, Tree, names_in, read_json

__all__ = ["SECTIONS", "compare_deployments", "environments_of"]

SECTIONS = {
    "images": "Images",
    "permissions": "Permissions",
    "streams": "Streams, consumers and buckets",
    "nats": "NATS",
    "tasks": "Tasks",
    "infrastructure": "Infrastructure",
    "alerts": "Alerts and rules",
    "costs": "Costs",
}
"""The sections of a plan in their order, and their titles."""

_NOT_ENVIRONMENTS = frozenset({"compose", "images", "nats"})


def compare_deployments(
    before: Tree, after: Tree, environments: Iterable[str] | None = None
) -> list[Change]:
    """What differs between what two states of a project deploy, by section, environment and name.

    Args:
        before: The state that is deployed.
        after: The state that is to be.
        environments: Those to look at; None for all. What is the same in all is always looked at.

    Raises:
        UserError: A generated file cannot be read.
    """
    found = [
        *image_changes(before, after),
        *permission_changes(before, after),
        *stream_changes(before, after),
    ]
    wanted = environments_of(before, after) if environments is None else sorted(environments)
    for name in wanted:
        found += _nats(name, before, after)
        found += _tasks(name, before, after)
        found += _infrastructure(name, before, after)
        found += alert_changes(name, before, after)
        found += _costs(name, before, after)
    order = list(SECTIONS)
    return sorted(found, key=lambda one: (one.environment or "", order.index(one.section)))


def environments_of(*trees: Tree) -> list[str]:
    """The environments that any of these has something generated for."""
    found = {
        name
        for tree in trees
        for name in names_in(tree, DEPLOY)
        if "." not in name and name not in _NOT_ENVIRONMENTS
    }
    return sorted(found)


def _nats(environment: str, before: Tree, after: Tree) -> Iterator[Change]:
    """The servers' configuration, but for what `permissions` says."""
    path = f"{DEPLOY}/{environment}/nats/nats.conf"
    lines = [(tree.read(path) or b"").decode().splitlines() for tree in (before, after)]
    old, new = lines
    details = (
        *(Detail(what="line", before=line.strip(), after=None) for line in old if line not in new),
        *(Detail(what="line", before=None, after=line.strip()) for line in new if line not in old),
    )
    if old != new:
        yield Change(
            section="nats",
            environment=environment,
            name="nats.conf",
            action=_action(old, new),
            details=details if old and new else (),
        )


def _tasks(environment: str, before: Tree, after: Tree) -> Iterator[Change]:
    folder = f"{DEPLOY}/{environment}/ecs"
    for user in sorted(names_in(before, folder) | names_in(after, folder)):
        old, new = (_task(tree, f"{folder}/{user}") for tree in (before, after))
        if old == new:
            continue
        losses = ("its tasks are stopped",) if not new else ()
        yield Change(
            section="tasks",
            environment=environment,
            name=user,
            action=_action(old, new),
            details=tuple(map(_short, differences(old, new))) if old and new else (),
            losses=losses,
        )


def _task(tree: Tree, folder: str) -> dict[str, Any]:
    parts = {
        name: read_json(tree, f"{folder}/{name}.json")
        for name in ("task-definition", "service", "scaling")
    }
    return {name: value for name, value in parts.items() if value is not None}


def _short(one: Detail) -> Detail:
    """A detail without the parts of its path that say nothing."""
    what = one.what.removeprefix("task-definition.").removeprefix("containerDefinitions.")
    return Detail(what=what, before=one.before, after=one.after)


def _infrastructure(environment: str, before: Tree, after: Tree) -> Iterator[Change]:
    """What Terraform is given."""
    path = f"{DEPLOY}/{environment}/terraform.tfvars.json"
    old, new = read_json(before, path), read_json(after, path)
    if old != new:
        yield Change(
            section="infrastructure",
            environment=environment,
            name="terraform.tfvars.json",
            action=_action(old, new),
            details=tuple(differences(old, new)) if old and new else (),
        )


def _costs(environment: str, before: Tree, after: Tree) -> Iterator[Change]:
    """What a month costs, by the list of prices that each was generated with."""
    path = f"{DEPLOY}/{environment}/costs.json"
    old, new = (_month(read_json(tree, path)) for tree in (before, after))
    if old != new:
        yield Change(
            section="costs",
            environment=environment,
            name="a month",
            action=_action(old, new),
            details=tuple(differences(old, new)),
        )


def _month(costs: Any) -> dict[str, str]:
    """The costs of a month by what they are for."""
    if costs is None:
        return {}
    currency = costs["currency"]
    items: dict[str, float] = {}
    for item in costs["items"]:
        name = f"{item['group']}, {item['name']}"
        items[name] = items.get(name, 0.0) + item["month"]
    items["in all"] = costs["month"]
    return {name: f"{amount:,.2f} {currency}" for name, amount in items.items()}


def _action(before: object, after: object) -> Action:
    if not before:
        return Action.ADD
    return Action.CHANGE if after else Action.REMOVE
