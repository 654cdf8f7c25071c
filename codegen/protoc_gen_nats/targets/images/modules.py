"""Which generated Python modules a service needs, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from protoc_gen_nats.graph import Graph
from protoc_gen_nats.model import Event, File, Schema, Service
from protoc_gen_nats.targets import python

__all__ = ["ModuleSet"]


class ModuleSet:
    """Finds the modules of services.

    Args:
        schema: All schemas of the platform.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._files: Mapping[str, File] = {file.path: file for file in schema.files}
        self._services = {
            service.full_name: file for file in schema.files for service in file.services
        }
        self._events = {event.ref.full_name: file for file in schema.files for event in file.events}
        self._callees: dict[str, list[File]] = {}
        for call in Graph.of(schema).calls:
            callee = self._services[call.callee.full_name]
            self._callees.setdefault(call.caller.full_name, []).append(callee)
        self._init_files = (
            frozenset(
                file.path for file in python.plan(schema) if file.path.endswith("__init__.py")
            )
            if schema.python.init_files
            else frozenset()
        )

    def of(self, service: Service) -> list[str]:
        """The paths of a service's modules below the root of the generated ones, sorted.

        They are its own server, the clients of the services that it calls, the messages of both and
        of the events that they name, and what these import in turn.
        """
        homes = [self._services[service.full_name], *self._callees.get(service.full_name, ())]
        modules = {file.nats_module for file in homes}
        named = [event for file in homes for one in file.services for event in _events_of(one)]
        if service.publishes_any:
            named += (event for file in self._schema.files for event in file.events)
        events = (self._events[e.ref.full_name] for e in named if e.ref.full_name in self._events)
        modules.update(file.module for file in self._closure((*homes, *events)))
        paths = {module.replace(".", "/") + ".py" for module in modules}
        packages = {f"{folder}/__init__.py" for path in paths for folder in _folders(path)}
        return sorted(paths | (packages & self._init_files))

    def _closure(self, files: Iterable[File]) -> Iterator[File]:
        waiting = list(files)
        seen: set[str] = set()
        while waiting:
            file = waiting.pop()
            if file.path not in seen:
                seen.add(file.path)
                yield file
                waiting += (self._files[path] for path in (*file.imports, *file.uses))


def _events_of(service: Service) -> Iterator[Event]:
    yield from service.publishes
    for consumer in service.consumers:
        yield from consumer.events
    for method in service.methods:
        if method.cache:
            yield from method.cache.invalidated_by


def _folders(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path
