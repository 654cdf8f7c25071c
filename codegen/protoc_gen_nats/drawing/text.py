"""A graph of services as text: a tree for people, and the languages of Graphviz and Mermaid."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from protoc_gen_nats.drawing.links import Link, LinkKind, Shown
from protoc_gen_nats.model import Service
from protoc_gen_nats.permissions import user_of

__all__ = ["dot", "mermaid", "tree", "value"]

_VERBS = {
    LinkKind.CALL: ("calls", "called by"),
    LinkKind.ANY_CALL: ("may call", "may be called by"),
    LinkKind.EVENT: ("events to", "events of"),
}


def tree(what: Shown) -> str:
    """Each service with whom it calls and informs, and who calls and informs it."""
    return "".join(f"{line}\n" for service in what.services for line in _branch(service, what))


def _branch(service: Service, what: Shown) -> Iterator[str]:
    rows = [
        (_VERBS[link.kind][end], user_of(other), ", ".join(link.texts))
        for end in (0, 1)
        for link in what.links
        if (link.source, link.target)[end].full_name == service.full_name
        for other in [(link.target, link.source)[end]]
    ]
    if service.full_name in what.call_anything:
        rows.insert(0, ("may call", "any service", "by a wildcard"))
    yield user_of(service)
    for index, (verb, name, text) in enumerate(rows):
        corner = "└─" if index == len(rows) - 1 else "├─"
        yield f"{corner} {verb} {name}: {text}"


def dot(what: Shown) -> str:
    """The language of Graphviz: `protonats graph --format dot | dot -Tpng -o graph.png`."""
    lines = ["digraph services {", "  rankdir=LR;", '  node [shape=box, style="rounded"];']
    lines += [f"  {_quoted(user_of(service))};" for service in what.services]
    for link in what.links:
        style = {LinkKind.CALL: "solid", LinkKind.ANY_CALL: "dotted", LinkKind.EVENT: "dashed"}
        label = "\\n".join(link.texts)
        lines.append(
            f"  {_quoted(user_of(link.source))} -> {_quoted(user_of(link.target))}"
            f' [label="{label}", style={style[link.kind]}];'
        )
    return "\n".join([*lines, "}", ""])


def _quoted(name: str) -> str:
    return json.dumps(name)


def mermaid(what: Shown) -> str:
    """The language of Mermaid, which pages of GitHub and GitLab draw."""
    ids = {service.full_name: f"s{index}" for index, service in enumerate(what.services)}
    lines = ["flowchart LR"]
    lines += [f'  {ids[service.full_name]}["{user_of(service)}"]' for service in what.services]
    for link in what.links:
        arrow = "-->" if link.kind is LinkKind.CALL else "-.->"
        label = "<br/>".join(link.texts)
        ends = ids[link.source.full_name], ids[link.target.full_name]
        lines.append(f'  {ends[0]} {arrow}|"{label}"| {ends[1]}')
    return "\n".join([*lines, ""])


def value(what: Shown) -> dict[str, Any]:
    """What a program reads."""
    return {
        "services": [
            {
                "name": service.name,
                "full_name": service.full_name,
                "calls_anything": service.full_name in what.call_anything,
            }
            for service in what.services
        ],
        "calls": _values(what.links, (LinkKind.CALL, LinkKind.ANY_CALL), "caller", "callee"),
        "events": _values(what.links, (LinkKind.EVENT,), "publisher", "consumer"),
    }


def _values(
    links: Sequence[Link], kinds: Sequence[LinkKind], source: str, target: str
) -> list[dict[str, Any]]:
    key = "events" if kinds == (LinkKind.EVENT,) else "methods"
    return [
        {
            source: link.source.full_name,
            target: link.target.full_name,
            key: list(link.texts) if link.texts != ("any method",) else "any",
        }
        | ({"wildcard": link.kind is LinkKind.ANY_CALL} if key == "methods" else {})
        for link in links
        if link.kind in kinds
    ]
