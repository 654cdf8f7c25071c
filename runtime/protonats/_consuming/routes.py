"""Which handler takes a delivered message, and the event in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Event

from protonats._info import ConsumerInfo, HandlerInfo
from protonats._publishing import filter_subject
from protonats._transport.message import Message
from protonats._wire import events as wire
from protonats._wire import headers, subjects
from protonats.events import EventContext
from protonats.server import Server

_EVENT: Final = b"\r\nPn-Event:"

Handler: TypeAlias = Callable[[Event, EventContext], Awaitable[None]]


class Unreadable(Exception):
    """A message whose type or body cannot be read, however often it is delivered."""


@dataclass(frozen=True, slots=True)
class Route:
    """One event of a consumer, and its handler."""

    event_type: str
    """The full name of the event."""

    pattern: str
    """The subjects that it is published to."""

    message: type[Event]
    """Its class."""

    handler: Handler
    """The method that takes it."""

    def takes(self, subject: str) -> bool:
        """Whether it is published to this subject."""
        return subject == self.pattern or subjects.matches(self.pattern, subject)

    def decode(self, message: Message) -> Event:
        """The event in a message.

        Raises:
            Unreadable: The body is something else.
        """
        try:
            return self.message.FromString(message.body)
        except DecodeError as error:
            raise Unreadable(f"the body cannot be read as {self.event_type}: {error}") from None


class Routes:
    """The events of one consumer."""

    def __init__(self, info: ConsumerInfo, server: Server) -> None:
        """
        Raises:
            TypeError: The server object lacks a handler.
        """
        self._routes = [_route(handler, server) for handler in info.handlers]
        self._by_type = {wire.type_value(route.event_type): route for route in self._routes}
        # Most header blocks end with the type: then one look is enough.
        self._by_rest = {
            wire.type_line(route.event_type) + b"\r\n": route for route in self._routes
        }

    def find(self, message: Message) -> Route:
        """The route of a message: by its `Pn-Event`, and by its subject where that is missing.

        Permissions are granted by subject: a type that is not published to this subject is refused.

        Raises:
            Unreadable: It is none of the consumer's events.
        """
        block, subject = message.block, message.subject
        known = self._by_rest.get(block[block.find(_EVENT) :])
        if known is not None and known.takes(subject):
            return known
        value = headers.first(block, b"Pn-Event")
        if value is None:
            for route in self._routes:
                if route.takes(subject):
                    return route
            raise Unreadable(f"no event of this consumer is published to {subject}")
        known = self._by_type.get(value)
        if known is not None and known.takes(subject):
            return known
        try:
            name = wire.event_type(message.headers)
        except ValueError as error:
            raise Unreadable(str(error)) from None
        raise Unreadable(f"no handler takes {name} from {subject}")


def _route(info: HandlerInfo, server: Server) -> Route:
    handler = getattr(server, info.python_name, None)
    if not callable(handler):
        name = info.event.message.DESCRIPTOR.full_name
        raise TypeError(
            f"{type(server).__name__} consumes {name} and has no method {info.python_name}"
        )
    return Route(
        event_type=info.event.message.DESCRIPTOR.full_name,
        pattern=filter_subject(info.event),
        message=info.event.message,
        handler=cast(Handler, handler),
    )
