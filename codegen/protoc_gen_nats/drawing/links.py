"""What a picture shows of a graph: which services, and one link for each pair that has something to
do with each other."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from protoc_gen_nats.errors import UserError, did_you_mean
from protoc_gen_nats.graph import Call, Graph
from protoc_gen_nats.model import Service
from protoc_gen_nats.permissions import user_of

__all__ = ["Link", "LinkKind", "Shown", "find_service", "shown"]


class LinkKind(enum.Enum):
    """What runs along a link."""

    CALL = "call"
    """Calls that the schema names."""

    ANY_CALL = "any_call"
    """Calls that a wildcard allows."""

    EVENT = "event"


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """From a caller to whom it calls, or from a publisher to whom its events reach."""

    source: Service
    target: Service
    kind: LinkKind
    texts: tuple[str, ...]
    """The methods or the events; `any method` where the whole service may be called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What a picture shows."""

    services: tuple[Service, ...]
    links: tuple[Link, ...]
    call_anything: frozenset[str]
    """Full names of the services that may call any service. Links of theirs that follow from that
    alone are left out, but for those to the service in focus."""

    centre: str | None
    """Full name of the service in focus."""

    @property
    def alone(self) -> tuple[Service, ...]:
        """The services without a link."""
        linked = {end.full_name for link in self.links for end in (link.source, link.target)}
        return tuple(service for service in self.services if service.full_name not in linked)


def find_service(graph: Graph, name: str) -> Service:
    """The service of this name, with its version unless that is v1, of this full name, or of this
    name in the schema.

    Raises:
        UserError: There is none, or more than one.
    """
    for service in graph.services:
        if name in (service.full_name, user_of(service)):
            return service
    found = [one for one in graph.services if name in (one.name, one.proto_name)]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(service.full_name for service in found)
        raise UserError.of(f"{name!r} may be {names}: write one of these")
    known = [one.full_name if "." in name else user_of(one) for one in graph.services]
    raise UserError.of(f"no service is called {name!r}: {did_you_mean(name, known)}")


def shown(graph: Graph, focus: str | None = None) -> Shown:
    """What a picture shows of a whole graph, or of one service and its neighbours.

    Args:
        graph: The graph.
        focus: The service, as `find_service` takes it.

    Raises:
        UserError: There is no such service.
    """
    centre = None if focus is None else find_service(graph, focus)
    links = tuple(
        link
        for link in (*_calls(graph), *_flows(graph))
        if _shows(link, None if centre is None else centre.full_name)
    )
    services = graph.services
    if centre is not None:
        near = {end.full_name for link in links for end in (link.source, link.target)}
        near.add(centre.full_name)
        services = tuple(service for service in services if service.full_name in near)
    return Shown(
        services=services,
        links=links,
        centre=None if centre is None else centre.full_name,
        call_anything=frozenset(one.full_name for one in services if "*" in one.calls),
    )


def _shows(link: Link, centre: str | None) -> bool:
    if centre is None:
        return link.kind is not LinkKind.ANY_CALL
    if link.kind is LinkKind.ANY_CALL:
        return link.target.full_name == centre
    return centre in (link.source.full_name, link.target.full_name)


def _calls(graph: Graph) -> Iterator[Link]:
    for call in graph.calls:
        kind = LinkKind.ANY_CALL if call.wildcard else LinkKind.CALL
        yield Link(source=call.caller, target=call.callee, kind=kind, texts=_methods(call))


def _methods(call: Call) -> tuple[str, ...]:
    if call.whole or call.wildcard:
        return ("any method",)
    return tuple(method.name for method in call.methods)


def _flows(graph: Graph) -> Iterator[Link]:
    pairs: dict[tuple[str, str], list[int]] = {}
    for index, flow in enumerate(graph.flows):
        pairs.setdefault((flow.publisher.full_name, flow.consumer.full_name), []).append(index)
    for indexes in pairs.values():
        flows = [graph.flows[index] for index in indexes]
        yield Link(
            source=flows[0].publisher,
            target=flows[0].consumer,
            kind=LinkKind.EVENT,
            texts=tuple(dict.fromkeys(flow.event.name for flow in flows)),
        )
