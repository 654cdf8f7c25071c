"""Who calls whom and whose events reach whom, and what the rules say about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from protoc_gen_nats.building.schema import build
from protoc_gen_nats.graph import Graph
from protoc_gen_nats.model import Schema
from protoc_gen_nats.rules.schema_set import check_complete
from tests.schemas import compile_schemas, write_schema


class Schemas:
    """Services in packages of their own, `acme.<name>.v1`, each with the methods Get and Put."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, name: str, options: str = "") -> None:
        """Adds the service of a name in capitals, `A`."""
        package = f"acme.{name.lower()}.v1"
        text = f"""\
syntax = "proto3";
package {package};
import "protonats/v1/options.proto";
service {name}Service {{
  option (protonats.v1.service) = {{ {options} }};
  rpc Get({name}Request) returns ({name}Request);
  rpc Put({name}Request) returns ({name}Request);
}}
message {name}Request {{}}
message {name}Made {{ option (protonats.v1.event) = {{subject: "evt.{name.lower()}.made.v1"}}; }}
"""
        self.write(f"acme/{name.lower()}/v1/{name.lower()}.proto", text)

    def write(self, path: str, text: str) -> None:
        """Adds a schema."""
        write_schema(self._root, path, text)

    def build(self) -> Schema:
        """What the generator makes of them."""
        protos = compile_schemas(self._root).file
        names = [proto.name for proto in protos if proto.name.startswith("acme/")]
        return build(protos, names, complete=True)

    def problems(self) -> list[str]:
        """What the rules say about the whole set."""
        return [f"{one.severity}: {one}" for one in sorted(check_complete(self.build()))]


@pytest.fixture
def schemas(tmp_path: Path) -> Schemas:
    return Schemas(tmp_path)


def calls_of(graph: Graph) -> list[tuple[str, str, str, bool]]:
    """Caller, callee, methods, and whether it is by wildcard alone."""
    return [
        (call.caller.name, call.callee.name, " ".join(m.name for m in call.methods), call.wildcard)
        for call in graph.calls
    ]


def test_calls_are_of_services_of_methods_and_of_anything(schemas: Schemas) -> None:
    schemas.add("A", 'calls: "acme.c.v1.CService" calls: "acme.b.v1.BService.Put"')
    schemas.add("B", 'calls: "*" calls: "acme.a.v1.AService.Get" wildcard_reason: "routes"')
    schemas.add("C")

    graph = Graph.of(schemas.build())

    assert calls_of(graph) == [
        ("a", "b", "Put", False),
        ("a", "c", "Get Put", False),
        ("b", "a", "Get", False),
        ("b", "c", "Get Put", True),
    ]
    a, b, c = graph.services
    assert [call.caller.name for call in graph.callers_of(c)] == ["a", "b"]
    assert [call.caller.name for call in graph.callers_of(b.methods[1])] == ["a"]
    assert graph.callers_of(b.methods[0]) == ()
    assert graph.callers_of(a) == (graph.calls[2],)


def test_a_method_beside_its_service_is_the_whole_service(schemas: Schemas) -> None:
    schemas.add("A", 'calls: "acme.b.v1.BService.Put" calls: "acme.b.v1.BService"')
    schemas.add("B")

    (call,) = Graph.of(schemas.build()).calls

    assert call.whole
    assert len(call.methods) == 2


def test_flows_lead_from_publishers_to_consumers(schemas: Schemas) -> None:
    schemas.add("A")
    schemas.add("B", 'publishes: "acme.a.v1.AMade"')
    schemas.add("C", 'consumes: {durable: "c" events: "acme.a.v1.AMade" events: "acme.c.v1.CMade"}')

    flows = Graph.of(schemas.build()).flows

    assert [(f.publisher.name, f.event.name, f.consumer.name, f.durable) for f in flows] == [
        ("a", "AMade", "c", "c"),
        ("b", "AMade", "c", "c"),
        ("c", "CMade", "c", "c"),
    ]


def test_a_cycle_is_shown_with_the_methods_that_are_named(schemas: Schemas) -> None:
    schemas.add("A", 'calls: "acme.b.v1.BService.Get" calls: "acme.b.v1.BService.Put"')
    schemas.add("B", 'calls: "acme.a.v1.AService" calls: "acme.c.v1.CService"')
    schemas.add("C", 'calls: "acme.a.v1.AService.Get"')

    assert schemas.problems() == [
        "warning: acme/a/v1/a.proto:5:3: calls go in a circle, acme.a.v1.AService →"
        " acme.b.v1.BService (Get, Put) → acme.a.v1.AService: one slow service of it makes all"
        " wait, and none can be rolled out first; let one of them publish an event in place of a"
        " call"
    ]


def test_each_group_of_services_has_one_cycle_the_shortest(schemas: Schemas) -> None:
    schemas.add("A", 'calls: "acme.b.v1.BService"')
    schemas.add("B", 'calls: "acme.c.v1.CService"')
    schemas.add("C", 'calls: "acme.a.v1.AService" calls: "acme.d.v1.DService"')
    schemas.add("D", 'calls: "acme.e.v1.EService"')
    schemas.add("E", 'calls: "acme.d.v1.DService" calls: "acme.f.v1.FService"')
    schemas.add("F")

    assert [str(cycle) for cycle in Graph.of(schemas.build()).cycles()] == [
        "acme.d.v1.DService → acme.e.v1.EService → acme.d.v1.DService",
        "acme.a.v1.AService → acme.b.v1.BService → acme.c.v1.CService → acme.a.v1.AService",
    ]


def test_wildcards_and_calls_of_itself_are_no_cycles(schemas: Schemas) -> None:
    schemas.add("A", 'calls: "*" wildcard_reason: "routes"')
    schemas.add("B", 'calls: "acme.a.v1.AService" calls: "acme.b.v1.BService"')

    assert schemas.problems() == []


def test_a_call_to_nobody_is_an_error(schemas: Schemas) -> None:
    schemas.add("A", 'calls: "acme.b.v1.BService.Putt"')
    schemas.add("B")

    assert schemas.problems() == [
        "error: acme/a/v1/a.proto:5:3: calls acme.b.v1.BService.Putt, which does not exist: did you"
        " mean 'acme.b.v1.BService.Put'?"
    ]


EVENTS = """\
syntax = "proto3";
package acme.events.v1;
import "protonats/v1/options.proto";
message Made { option (protonats.v1.event) = {subject: "evt.events.made.v1"}; }
"""
WAITS = 'consumes: {durable: "made" events: "acme.events.v1.Made"}'


def test_a_consumer_of_what_nobody_publishes_is_warned_of(schemas: Schemas) -> None:
    schemas.write("acme/events/v1/events.proto", EVENTS)
    schemas.add("A", WAITS)

    assert schemas.problems() == [
        "warning: acme/a/v1/a.proto:5:3: consumer 'made' waits for acme.events.v1.Made, which no"
        ' service publishes: write publishes: "acme.events.v1.Made" in the one that does'
    ]


@pytest.mark.parametrize(
    "options", ['publishes: "acme.events.v1.Made"', 'publishes: "*" wildcard_reason: "a gateway"']
)
def test_a_consumer_of_what_somebody_may_publish_is_fine(schemas: Schemas, options: str) -> None:
    schemas.write("acme/events/v1/events.proto", EVENTS)
    schemas.add("A", WAITS)
    schemas.add("B", options)

    assert schemas.problems() == []
