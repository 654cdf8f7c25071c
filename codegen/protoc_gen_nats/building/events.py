"""Events, and who publishes and consumes them."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from protoc_gen_nats import subjects
from protoc_gen_nats.building.durations import optional_seconds, problem_of_time, seconds
from protoc_gen_nats.descriptors import Path, SchemaFile, SchemaSet
from protoc_gen_nats.errors import Problem, did_you_mean
from protoc_gen_nats.model import Consumer, Event
from protoc_gen_nats.naming import NATS_NAME, NATS_NAME_RULE
from protonats.v1 import options_pb2

__all__ = ["KEY_TYPES", "EventBuilder"]

KEY_TYPES = frozenset(
    {
        FieldDescriptorProto.TYPE_STRING,
        FieldDescriptorProto.TYPE_INT32,
        FieldDescriptorProto.TYPE_INT64,
        FieldDescriptorProto.TYPE_UINT32,
        FieldDescriptorProto.TYPE_UINT64,
    }
)
"""The types whose values can stand in a subject."""

_RESERVED = {
    "svc": "the subjects of calls",
    "dlq": "the subjects of dead letters",
    "audit": "the subjects of audit records",
}
_EVENT_OPTION: Path = (7, options_pb2.event.number)


class EventBuilder:
    """Builds events, consumers and lists of published events; appends to `problems`."""

    def __init__(self, schemas: SchemaSet, problems: list[Problem], *, complete: bool) -> None:
        self._schemas = schemas
        self._problems = problems
        self._complete = complete
        self._names: dict[str, list[str]] = {}

    def declared(self, file: SchemaFile) -> list[Event]:
        """The events of a schema."""
        if file.path not in self._names:
            self._names[file.path] = [
                file.full_name(name)
                for _, name, message in file.messages()
                if message.options.HasExtension(options_pb2.event)
            ]
        found = map(self.event, self._names[file.path])
        return [event for event in found if event is not None]

    def event(self, full_name: str) -> Event | None:
        """The event message of that name, or None if there is no such message or it is no event."""
        found = self._schemas.message(full_name)
        if found is None or not found[2].options.HasExtension(options_pb2.event):
            return None
        file, path, proto = found
        options = proto.options.Extensions[options_pb2.event]
        option_path = (*path, *_EVENT_OPTION)
        subject = options.subject
        if not subject:
            text = 'names no subject: write subject: "evt.<domain>.<verb>.v<major>"'
            self._problems.append(file.problem(option_path, f"event {full_name} {text}"))
        elif subjects.parameters(subject):
            text = (
                f"event subject {subject!r} has a parameter: write it without, and name the field"
                " in key_field"
            )
            self._problems.append(file.problem(option_path, text))
        elif wrong := subjects.problem_of_template(subject):
            self._problems.append(file.problem(option_path, f"event subject {subject!r} {wrong}"))
        elif owner := _RESERVED.get(subjects.tokens(subject)[0]):
            text = f"event subject {subject!r} is among {owner}: let it begin with `evt.`"
            self._problems.append(file.problem(option_path, text))
        if options.key_field:
            self._check_key_field(file, option_path, proto, options.key_field)
        return Event(
            ref=self._schemas.ref(full_name),
            name=proto.name,
            subject=subject,
            key_field=options.key_field or None,
            durable=options.durability != options_pb2.DURABILITY_NONE,
            comment=file.comment(path),
            place=file.place(option_path),
        )

    def _check_key_field(
        self, file: SchemaFile, path: Path, proto: DescriptorProto, name: str
    ) -> None:
        field = next((field for field in proto.field if field.name == name), None)
        if field is None:
            known = [field.name for field in proto.field if field.type in KEY_TYPES]
            text = f"key_field {name!r} is no field of {proto.name}: {did_you_mean(name, known)}"
            self._problems.append(file.problem(path, text))
        elif field.type not in KEY_TYPES or field.label == FieldDescriptorProto.LABEL_REPEATED:
            text = f"key_field {name!r} cannot stand in a subject: name a string or integer field"
            self._problems.append(file.problem(path, text))

    def published(
        self, file: SchemaFile, path: Path, options: options_pb2.ServiceOptions
    ) -> tuple[Event, ...]:
        """The events that a service publishes by type: those it names, else those of its file."""
        names = [name for name in dict.fromkeys(options.publishes) if name != "*"]
        if not names:
            return tuple(self.declared(file))
        found = [self.resolve(file, path, "publishes", name) for name in names]
        return tuple(event for event in found if event is not None)

    def consumer(self, file: SchemaFile, path: Path, options: options_pb2.Consumer) -> Consumer:
        """Builds one durable consumer of a service."""
        label = f"consumer {options.durable!r}"
        if not NATS_NAME.fullmatch(options.durable):
            text = f"{label} has no legal durable name: {NATS_NAME_RULE}"
            self._problems.append(file.problem(path, text))
        if not options.events:
            text = f'{label} names no event: write events: "<package>.<Message>"'
            self._problems.append(file.problem(path, text))
        for problem in _problems_of_limits(options):
            self._problems.append(file.problem(path, f"{label}: {problem}"))
        events = []
        for name in dict.fromkeys(options.events):
            event = self.resolve(file, path, f"{label} consumes", name)
            if event is not None and not event.durable:
                text = (
                    f"{label} consumes {name}, which no stream stores: take away its"
                    " `durability: DURABILITY_NONE`, or do not consume it"
                )
                self._problems.append(file.problem(path, text))
            elif event is not None:
                events.append(event)
        return Consumer(
            durable=options.durable,
            events=tuple(events),
            ack_wait=optional_seconds(options, "ack_wait"),
            max_deliver=options.max_deliver or None,
            max_ack_pending=options.max_ack_pending or None,
            backoff=tuple(map(seconds, options.backoff)) or None,
        )

    def resolve(self, file: SchemaFile, path: Path, label: str, name: str) -> Event | None:
        """The event that an option names, or None, with a problem that begins with `label`."""
        event = self.event(name)
        if event is not None:
            return event
        if self._schemas.message(name) is not None:
            hint = "give that message the option (protonats.v1.event)"
            text = f"{label} {name}, which is no event: {hint}"
        elif self._complete or any(one.endswith(f".{name}") for one in self._known()):
            text = f"{label} {name}, which does not exist: {did_you_mean(name, self._known())}"
        else:
            text = (
                f"{label} {name}, which is in none of the schemas given: pass the schema that"
                " declares it too (with buf: `strategy: all`)"
            )
        self._problems.append(file.problem(path, text))
        return None

    def _known(self) -> list[str]:
        """The full names of all events."""
        messages = ((name, self._schemas.message(name)) for name in self._schemas.message_names())
        return [
            name
            for name, found in messages
            if found and found[2].options.HasExtension(options_pb2.event)
        ]


def _problems_of_limits(options: options_pb2.Consumer) -> Iterator[str]:
    for field in ("max_deliver", "max_ack_pending"):
        if (number := getattr(options, field)) < 0:
            yield f"{field} is {number}: write a number above zero"
    times = [("ack_wait", options.ack_wait)] if options.HasField("ack_wait") else []
    times += [("backoff", duration) for duration in options.backoff]
    for field, duration in times:
        if wrong := problem_of_time(duration):
            yield f"{field} {wrong}"
    if 0 < options.max_deliver <= len(options.backoff):
        text = f"backoff has {len(options.backoff)} pauses, and max_deliver {options.max_deliver}"
        yield f"{text} comes to {options.max_deliver - 1}: take the last of them away"
