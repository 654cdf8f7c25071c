"""Rules of enums, and of what is reserved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from google.protobuf.descriptor_pb2 import EnumDescriptorProto

from protoc_gen_nats.comparing.findings import Finding
from protoc_gen_nats.comparing.reporting import Comparison
from protoc_gen_nats.comparing.snapshot import Snapshot
from protoc_gen_nats.descriptors import Path, SchemaFile

__all__ = ["compare_enums", "removed_names", "unreserved"]


class _Range(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


def compare_enums(comparison: Comparison) -> Iterator[Finding]:
    """Compares all enums of both states."""
    now = dict(_enums(comparison.after))
    for name, (file, _, old) in _enums(comparison.before):
        if name not in now:
            continue
        new_file, path, new = now[name]
        for rule, value, text in _changes(old, new):
            users = (*comparison.before.users(name), *comparison.after.users(name))
            element = f"{name}.{value}" if value else name
            place = new_file.place(path)
            yield comparison.finding(rule, element, place, text, users, package=file.proto.package)


def _enums(
    snapshot: Snapshot,
) -> Iterator[tuple[str, tuple[SchemaFile, Path, EnumDescriptorProto]]]:
    for file in snapshot.files.values():
        for path, name, enum in file.enums():
            yield file.full_name(name), (file, path, enum)


def _changes(old: EnumDescriptorProto, new: EnumDescriptorProto) -> Iterator[tuple[str, str, str]]:
    """The rules that are broken, the value, and what happened."""
    before, after = _names(old), _names(new)
    for number, names in before.items():
        first = names[0]
        if number in after:
            if not set(names) <= set(after[number]):
                text = f"value {number} was called {', '.join(names)}"
                text += f", and is {', '.join(after[number])} now"
                yield "ENUM_VALUE_NAME_CHANGED", first, text
            continue
        label = f"value {first} = {number} is gone"
        if not any(r.start <= number <= r.end for r in new.reserved_range):
            text = f"{label}, and its number may be used again: write `reserved {number};`"
            yield "ENUM_VALUE_REMOVED", first, text
        if free := [name for name in names if name not in new.reserved_name]:
            quoted = ", ".join(f'"{name}"' for name in free)
            text = f"{label}, and its name may be used again: write `reserved {quoted};`"
            yield "ENUM_VALUE_NAME_FREED", first, text
    if freed := [
        *unreserved(old.reserved_range, new.reserved_range, "reserved numbers", last=True),
        *removed_names(old.reserved_name, new.reserved_name),
    ]:
        text = f"{' and '.join(freed)} may be used again, with another meaning"
        yield "RESERVED_REMOVED", "", text


def _names(enum: EnumDescriptorProto) -> dict[int, list[str]]:
    """The names of each number; an enum with `allow_alias` has several."""
    found: dict[int, list[str]] = {}
    for value in enum.value:
        found.setdefault(value.number, []).append(value.name)
    return found


def unreserved(
    old: Iterable[_Range], new: Iterable[_Range], label: str, *, last: bool = False
) -> list[str]:
    """The ranges of reserved numbers of which some are reserved no more.

    Args:
        old: What was reserved.
        new: What is.
        label: What to call them.
        last: Whether the end of a range is in it, as of an enum, or behind it, as of a message.
    """
    end = 0 if last else 1
    kept = sorted((one.start, one.end - end) for one in new)
    lost = [
        f"{one.start} to {one.end - end}" if one.end - end > one.start else str(one.start)
        for one in old
        if not _covered(one.start, one.end - end, kept)
    ]
    return [f"the {label} {', '.join(lost)}"] if lost else []


def _covered(first: int, last: int, ranges: list[tuple[int, int]]) -> bool:
    """Whether ranges in ascending order hold every number from `first` to `last`."""
    for start, end in ranges:
        if start <= first <= end:
            first = end + 1
    return first > last


def removed_names(old: Iterable[str], new: Iterable[str]) -> list[str]:
    """The names that are reserved no more."""
    lost = [name for name in old if name not in set(new)]
    return [f"the reserved names {', '.join(lost)}"] if lost else []
