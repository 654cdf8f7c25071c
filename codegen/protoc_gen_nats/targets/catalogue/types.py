"""Messages and enums as the catalogue shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from protoc_gen_nats.field_rules import FieldRules, Scalar
from protoc_gen_nats.model import Cardinality, Enum, Event, Field, File, Message
from protoc_gen_nats.targets.catalogue.links import Link, Links
from protoc_gen_nats.targets.catalogue.text import comment_html
from protoc_gen_nats.targets.python_types import all_messages

__all__ = ["TypeView", "type_views"]


_UNITS = {Cardinality.REPEATED: "items", Cardinality.MAP: "entries"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldView:
    """A field of a message, or a value of an enum."""

    name: str
    number: int
    before: str
    """What stands before its type: `repeated `, `map<string, `."""

    type: Link
    after: str
    comment: Markup
    notes: tuple[str, ...]
    """What its value has to be like, and which oneof it belongs to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeView:
    """A message or an enum."""

    name: str
    anchor: str
    full_name: str
    what: str
    """`message`, `enum` or `event`."""

    comment: Markup
    fields: list[FieldView]
    users: list[Link]


def type_views(file: File, links: Links) -> list[TypeView]:
    """The types of a schema, messages before enums, each with what is nested in it behind it."""
    events = {event.ref.full_name: event for event in file.events}
    found = []
    for message in all_messages(file.messages):
        found.append(_message(message, events, links))
        found.extend(_enum(enum, links) for enum in message.enums)
    return [*found, *(_enum(enum, links) for enum in file.enums)]


def _message(message: Message, events: Mapping[str, Event], links: Links) -> TypeView:
    oneofs = {name: oneof for oneof in message.oneofs for name in oneof.members}
    fields = []
    for field in message.fields:
        names = links.enum_names(field.type) if field.rules and field.type else {}
        unit = _UNITS.get(field.cardinality, "characters")
        notes = list(_notes(field.rules, names, unit)) if field.rules else []
        if oneof := oneofs.get(field.name):
            others = "exactly one" if oneof.required else "at most one"
            notes.insert(0, f"{others} of the oneof {oneof.name}")
        fields.append(_field(field, links, tuple(notes)))
    return TypeView(
        name=message.ref.qualname,
        anchor=f"type-{message.ref.qualname}",
        full_name=message.ref.full_name,
        what="event" if message.ref.full_name in events else "message",
        comment=comment_html(message.comment),
        fields=fields,
        users=links.users(message.ref),
    )


def _field(field: Field, links: Links, notes: tuple[str, ...]) -> FieldView:
    before, after = "", ""
    if field.cardinality is Cardinality.REPEATED:
        before = "repeated "
    elif field.cardinality is Cardinality.MAP:
        before, after = f"map<{field.map_key}, ", ">"
    elif field.optional:
        before = "optional "
    return FieldView(
        name=field.name,
        number=field.number,
        before=before,
        type=links.type(field.type) if field.type else Link(field.kind),
        after=after,
        comment=comment_html(field.comment),
        notes=notes,
    )


def _enum(enum: Enum, links: Links) -> TypeView:
    return TypeView(
        name=enum.ref.qualname,
        anchor=f"type-{enum.ref.qualname}",
        full_name=enum.ref.full_name,
        what="enum",
        comment=comment_html(enum.comment),
        fields=[
            FieldView(
                name=value.name,
                number=value.number,
                before="",
                type=Link(""),
                after="",
                comment=comment_html(value.comment),
                notes=(),
            )
            for value in enum.values
        ],
        users=links.users(enum.ref),
    )


def _notes(rules: FieldRules, names: Mapping[int, str], unit: str) -> Iterator[str]:
    """The rules of a value in words.

    Args:
        rules: The rules.
        names: The values of an enum by number.
        unit: What its length counts.
    """

    def written(*values: Scalar) -> str:
        return ", ".join(names.get(int(v), str(v)) if names else str(v) for v in values)

    if rules.required:
        yield "required"
    if rules.const is not None:
        yield f"is {written(rules.const)}"
    if rules.one_of:
        yield f"one of {written(*rules.one_of)}"
    if rules.none_of:
        yield f"not {written(*rules.none_of)}"
    if text := _bounds(rules):
        yield text
    if rules.min_length is not None or rules.max_length is not None:
        yield f"{_length(rules.min_length, rules.max_length)} {unit}"
    if rules.pattern:
        yield f"matches {rules.pattern}"
    if rules.format:
        yield rules.format
    if rules.unique:
        yield "no two alike"
    yield from rules.messages
    for name, inner in (("each key", rules.keys), ("each", rules.items)):
        if inner and (texts := list(_notes(inner, names, "characters"))):
            yield f"{name}: {', '.join(texts)}"
    if rules.exempts_zero:
        yield "or unset"


def _bounds(rules: FieldRules) -> str:
    bounds = {"> ": rules.above, "≥ ": rules.at_least, "< ": rules.below, "≤ ": rules.at_most}
    return " and ".join(f"{sign}{bound:,}" for sign, bound in bounds.items() if bound is not None)


def _length(low: int | None, high: int | None) -> str:
    if low == high:
        return f"{low:,}"
    if high is None:
        return f"at least {low:,}"
    return f"{low:,} to {high:,}" if low else f"at most {high:,}"
