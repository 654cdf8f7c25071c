"""Changes of alerts and recording rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from protoc_gen_nats.deploying.changes import Action, Change, differences
from protoc_gen_nats.deploying.trees import DEPLOY, Tree
from protoc_gen_nats.errors import Place, UserError

__all__ = ["alert_changes"]

_FILES = ("rules.yaml", "alerts.yaml", "slo.yaml")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def alert_changes(environment: str, before: Tree, after: Tree) -> Iterator[Change]:
    """The rules of an environment that are new, other than before, or gone."""
    folder = f"{DEPLOY}/{environment}/prometheus"
    old, new = (
        {name: rule for file in _FILES for name, rule in _rules(tree, f"{folder}/{file}")}
        for tree in (before, after)
    )
    for name in dict.fromkeys((*old, *new)):
        had, has = old.get(name), new.get(name)
        if had != has:
            gone = name not in new and name.startswith("alert ")
            yield Change(
                section="alerts",
                environment=environment,
                name=name,
                action=Action.ADD if not had else Action.CHANGE if has else Action.REMOVE,
                details=tuple(differences(had, has)) if had and has else (),
                losses=("nobody is told any more",) if gone else (),
            )


def _rules(tree: Tree, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    content = tree.read(path)
    if content is None:
        return
    try:
        groups = yaml.load(content, Loader=_Loader)["groups"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        text = f"no file of rules: {error}: generate it again"
        raise UserError.of(text, Place(path)) from None
    for group in groups:
        for rule in group["rules"]:
            yield _name(rule), {key: one for key, one in rule.items() if key not in _KINDS}


_KINDS = ("alert", "record")


def _name(rule: Mapping[str, Any]) -> str:
    """`alert ConsumerLag severity=critical`: several rules share a name and differ in labels."""
    kind = "alert" if "alert" in rule else "record"
    labels = "".join(f" {key}={value}" for key, value in sorted(rule.get("labels", {}).items()))
    return f"{kind} {rule[kind]}{labels}"
