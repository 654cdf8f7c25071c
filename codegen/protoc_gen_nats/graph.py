"""Who calls whom, and whose events reach whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from protoc_gen_nats.model import Event, Method, Schema, Service

__all__ = ["Call", "Cycle", "Flow", "Graph"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """That one service may call another."""

    caller: Service
    callee: Service
    methods: tuple[Method, ...]
    """Those it may call: all of the callee, if `calls` names the service or is `*`."""

    whole: bool
    """Whether `calls` names the service, and not some of its methods."""

    wildcard: bool
    """Whether only `calls: "*"` allows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """That an event of one service reaches another."""

    publisher: Service
    event: Event
    consumer: Service
    durable: str


@dataclass(frozen=True, slots=True)
class Cycle:
    """Calls that lead back to the service they begin with: each callee is the next one's caller."""

    calls: tuple[Call, ...]

    def __str__(self) -> str:
        """`acme.a.v1.A → acme.b.v1.B (Get) → acme.a.v1.A`, with methods where they are named."""
        return " → ".join((self.calls[0].caller.full_name, *map(_step, self.calls)))


def _step(call: Call) -> str:
    if call.whole:
        return call.callee.full_name
    return f"{call.callee.full_name} ({', '.join(method.name for method in call.methods)})"


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The services of a schema, and what runs between them."""

    services: tuple[Service, ...]
    calls: tuple[Call, ...]
    """By caller, then by callee, in the order of the services. A service that names itself is among
    them; what does not exist is not."""

    flows: tuple[Flow, ...]
    """By publisher, event and consumer. Events that no service publishes are in none."""

    @classmethod
    def of(cls, schema: Schema) -> Graph:
        """The graph of a schema."""
        services = schema.services
        return cls(services=services, calls=tuple(_calls(services)), flows=tuple(_flows(services)))

    def callers_of(self, callee: Service | Method) -> tuple[Call, ...]:
        """The calls that may reach a service or a method."""
        return self._callers.get(callee.full_name, ())

    def calls_of(self, caller: Service) -> tuple[Call, ...]:
        """What a service may call."""
        return self._callees.get(caller.full_name, ())

    @cached_property
    def _callees(self) -> Mapping[str, tuple[Call, ...]]:
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            found.setdefault(call.caller.full_name, []).append(call)
        return {name: tuple(calls) for name, calls in found.items()}

    @cached_property
    def _callers(self) -> Mapping[str, tuple[Call, ...]]:
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            for name in (call.callee.full_name, *(method.full_name for method in call.methods)):
                found.setdefault(name, []).append(call)
        return {name: tuple(calls) for name, calls in found.items()}

    def cycles(self) -> list[Cycle]:
        """The shortest cycles of synchronous calls, one for each group of services that all reach
        each other.

        What only a wildcard allows does not count, nor do a service's calls to itself.
        """
        onward: dict[str, list[Call]] = {service.full_name: [] for service in self.services}
        for call in self.calls:
            if not call.wildcard and call.caller is not call.callee:
                onward[call.caller.full_name].append(call)
        suspects = _on_cycles(onward)
        found: list[Cycle] = []
        while suspects:
            ways = [way for name in suspects if (way := _way_back(name, onward))]
            if not ways:
                break
            shortest = min(ways, key=len)
            found.append(Cycle(tuple(shortest)))
            group = _round_trips(shortest[0].caller.full_name, onward)
            suspects = [name for name in suspects if name not in group]
        return found


def _calls(services: Sequence[Service]) -> Iterator[Call]:
    places = {service.full_name: index for index, service in enumerate(services)}
    owners = {m.full_name: (s.full_name, m) for s in services for m in s.methods}
    for caller in services:
        whole = {name for name in caller.calls if name in places}
        named: dict[str, list[Method]] = {}
        for name in dict.fromkeys(caller.calls):
            if name in owners:
                service, method = owners[name]
                named.setdefault(service, []).append(method)
        explicit = whole | named.keys()
        wild = places.keys() - explicit - {caller.full_name} if "*" in caller.calls else set()
        for name in sorted(explicit | wild, key=places.__getitem__):
            callee = services[places[name]]
            yield Call(
                caller=caller,
                callee=callee,
                methods=(
                    callee.methods if name not in named or name in whole else tuple(named[name])
                ),
                whole=name in whole,
                wildcard=name in wild,
            )


def _flows(services: Sequence[Service]) -> Iterator[Flow]:
    consumers: dict[str, list[tuple[Service, str]]] = {}
    for service in services:
        for consumer in service.consumers:
            for event in consumer.events:
                consumers.setdefault(event.ref.full_name, []).append((service, consumer.durable))
    for publisher in services:
        for event in publisher.publishes:
            for service, durable in consumers.get(event.ref.full_name, ()):
                yield Flow(publisher=publisher, event=event, consumer=service, durable=durable)


def _on_cycles(onward: Mapping[str, Sequence[Call]]) -> list[str]:
    """The services on a cycle, and some that only reach one: of a set without cycles, none."""
    sorter = TopologicalSorter({n: [c.callee.full_name for c in cs] for n, cs in onward.items()})
    try:
        sorter.prepare()
    except CycleError:
        # It goes on from here as far as no cycle blocks it.
        passed: set[str] = set()
        while ready := sorter.get_ready():
            passed.update(ready)
            sorter.done(*ready)
        return [name for name in onward if name not in passed]
    return []


def _way_back(start: str, onward: Mapping[str, Sequence[Call]]) -> list[Call]:
    """The fewest calls that lead from a service to itself, or none."""
    front: list[list[Call]] = [[call] for call in onward[start]]
    seen: set[str] = set()
    while front:
        longer: list[list[Call]] = []
        for way in front:
            reached = way[-1].callee.full_name
            if reached == start:
                return way
            if reached not in seen:
                seen.add(reached)
                longer.extend([*way, call] for call in onward[reached])
        front = longer
    return []


def _round_trips(start: str, onward: Mapping[str, Sequence[Call]]) -> set[str]:
    """The services that a service reaches and that reach it, itself included."""
    forward = {name: [call.callee.full_name for call in calls] for name, calls in onward.items()}
    backward: dict[str, list[str]] = {name: [] for name in onward}
    for name, reached in forward.items():
        for one in reached:
            backward[one].append(name)
    return _reached(start, forward) & _reached(start, backward)


def _reached(start: str, edges: Mapping[str, Sequence[str]]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        for name in edges[waiting.pop()]:
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found
