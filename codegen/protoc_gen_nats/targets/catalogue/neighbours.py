"""Which schemas have a part in a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from protoc_gen_nats.graph import Call
from protoc_gen_nats.model import Event, File, Service
from protoc_gen_nats.targets.catalogue.context import Context

__all__ = ["Neighbours"]


class Neighbours:
    """The schemas that the pages of a catalogue follow from.

    Where pages name all services, that is all schemas. Else it is what the services on a page call,
    are called by, publish, consume and are made of, and who uses their types.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._files = {file.path: file for file in context.schema.files}
        self._of_service = {s.full_name: f for f in context.schema.files for s in f.services}
        self._calls: dict[str, list[Call]] = {}
        for call in context.graph.calls:
            self._calls.setdefault(call.caller.full_name, []).append(call)
            self._calls.setdefault(call.callee.full_name, []).append(call)

    def of_service(self, service: Service, file: File) -> tuple[File, ...]:
        """Those of the page of a service."""
        if not self._context.is_large or service.publishes_any:
            return self._context.schema.files
        services = [
            one
            for call in self._calls.get(service.full_name, ())
            for one in (call.caller, call.callee)
        ]
        consumed = (event for consumer in service.consumers for event in consumer.events)
        emptying = (e for m in service.methods if m.cache for e in m.cache.invalidated_by)
        events = list(chain(service.publishes, consumed, emptying))
        services += chain.from_iterable(map(self._users, events))
        return self._with_types(
            [file, *(self._of_service[one.full_name] for one in services)],
            [*self._declaring(events), *self._sharing(file)],
        )

    def of_types(self, file: File) -> tuple[File, ...]:
        """Those of the page of a schema's types."""
        if not self._context.is_large:
            return self._context.schema.files
        return self._with_types([file], self._sharing(file))

    def _users(self, event: Event) -> Iterator[Service]:
        context, name = self._context, event.ref.full_name
        yield from context.publishers.get(name, ())
        yield from context.consumers.get(name, ())

    def _declaring(self, events: Iterable[Event]) -> Iterator[File]:
        for event in events:
            if file := self._context.links.declaring(event.ref):
                yield file

    def _sharing(self, file: File) -> Iterator[File]:
        """Those whose types the types of a schema have, and those that have its own."""
        yield from (self._files[path] for path in file.uses)
        yield from self._context.links.using(file)

    def _with_types(self, files: list[File], more: Iterable[File]) -> tuple[File, ...]:
        return tuple({file.path: file for file in (*files, *more)}.values())
