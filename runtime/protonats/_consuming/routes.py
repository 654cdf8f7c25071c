"""Which handler takes a delivered message, and the event in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Event

from protonats._info import ConsumerInfo, HandlerInfo
from protonats._transport.message import Message
from protonats._wire import events as wire
from protonats._wire import subjects
from protonats.events import EventContext, filter_subject
from protonats.server import Server

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

    def find(self, message: Message) -> Route:
        """The route of a message: by its `Pn-Event`, and by its subject where that is missing.

        Permissions are granted by subject: a type that is not published to this subject is refused.

        Raises:
            Unreadable: It is none of the consumer's events.
        """
        try:
            name = wire.event_type(message.headers)
        except ValueError as error:
            raise Unreadable(str(error)) from None
        fitting = [
            route for route in self._routes if subjects.matches(route.pattern, message.subject)
        ]
        for route in fitting:
            if name is None or route.event_type == name:
                return route
        if name is None:
            raise Unreadable(f"no event of this consumer is published to {message.subject}")
        raise Unreadable(f"no handler takes {name} from {message.subject}")


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
