"""`grafana/<service>.json`: what one service does, from rates down to its processes."""

from __future__ import annotations

from protoc_gen_nats.environments import AlertThresholds
from protoc_gen_nats.graph import Graph
from protoc_gen_nats.model import Method, MethodKind, Service
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.targets.monitoring.panels import Row, Variable
from protoc_gen_nats.targets.monitoring.service_calls import CallRows
from protoc_gen_nats.targets.monitoring.service_data import DataRows

__all__ = ["rows", "variables"]


def variables(service: Service) -> tuple[Variable, ...]:
    """The instances of a service."""
    query = f'label_values(up{{app="{user_of(service)}"}}, instance)'
    return (Variable("instance", "Instance", query),)


def rows(service: Service, graph: Graph, limits: AlertThresholds) -> list[Row]:
    """What is shown of a service: only what it can do."""
    calls, data = CallRows(service, limits), DataRows(service, limits)
    found = [calls.glance(), calls.calls(), calls.durations(), calls.work()]
    if any(method.kind is not MethodKind.UNARY for method in service.methods):
        found.append(calls.streams())
    if service.publishes or service.publishes_any or service.consumers:
        found.append(data.events())
    if any(_keeps(method) for method in service.methods):
        found.append(data.kept())
    if graph.calls_of(service):
        found.append(calls.called())
    found.append(data.processes())
    return found


def _keeps(method: Method) -> bool:
    return method.cache is not None or method.idempotency is not None
