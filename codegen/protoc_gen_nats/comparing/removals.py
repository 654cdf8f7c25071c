"""Rules of what is gone: packages, services, events, messages and enums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protoc_gen_nats.comparing.findings import Affected, Finding
from protoc_gen_nats.comparing.reporting import Comparison
from protoc_gen_nats.comparing.snapshot import Snapshot
from protoc_gen_nats.descriptors import SchemaFile
from protoc_gen_nats.errors import Place
from protoc_gen_nats.naming import version_of_package

__all__ = ["compare_declarations"]


def compare_declarations(comparison: Comparison) -> Iterator[Finding]:
    """Finds what is gone. What is inside something that is gone is not reported by itself."""
    renamed = {}
    for path, file in comparison.before.files.items():
        now = comparison.after.files.get(path)
        if now is not None and now.proto.package != file.proto.package:
            renamed[path] = now
            yield _renamed(comparison, file, now)
    for path, file in comparison.before.files.items():
        if path in renamed:
            continue
        if file.proto.package not in comparison.after.packages:
            if not file.proto.service and not _events(comparison.before, file):
                text = f"package {file.proto.package} is gone"
                yield _finding(comparison, "PACKAGE_REMOVED", file, file.proto.package, text)
        else:
            yield from _types(comparison, file)
        yield from _services(comparison, file)
        yield from _lost_events(comparison, file)


def _renamed(comparison: Comparison, file: SchemaFile, now: SchemaFile) -> Finding:
    text = (
        f"its package was {file.proto.package or 'none'}, and is {now.proto.package or 'none'} now:"
        " every message, subject and event in it has another name; keep this file, and write a new"
        " one beside it"
    )
    affected: list[Affected] = []
    for _, proto in file.services():
        affected += comparison.before.callers(
            comparison.before.services[file.full_name(proto.name)]
        )
    for name in _events(comparison.before, file):
        affected += comparison.before.consumers(name)
    place = now.place((2,))
    return comparison.finding(
        "PACKAGE_CHANGED", file.path, place, text, affected, package=file.proto.package
    )


def _finding(
    comparison: Comparison, rule: str, file: SchemaFile, element: str, text: str
) -> Finding:
    place = Place(file.path)
    users = comparison.before.users(element)
    return comparison.finding(rule, element, place, text, users, package=file.proto.package)


def _types(comparison: Comparison, file: SchemaFile) -> Iterator[Finding]:
    types = comparison.after.types
    gone: set[str] = set()
    for _, name, message in file.messages():
        full_name = file.full_name(name)
        if full_name not in types:
            gone.add(full_name)
            inside = full_name.rpartition(".")[0] in gone or message.options.map_entry
            if not inside and full_name not in comparison.before.events:
                yield _finding(
                    comparison, "MESSAGE_REMOVED", file, full_name, f"message {name} is gone"
                )
    for _, name, _ in file.enums():
        full_name = file.full_name(name)
        if full_name not in types and full_name.rpartition(".")[0] not in gone:
            yield _finding(comparison, "ENUM_REMOVED", file, full_name, f"enum {name} is gone")


def _services(comparison: Comparison, file: SchemaFile) -> Iterator[Finding]:
    for _, proto in file.services():
        name = file.full_name(proto.name)
        if name in comparison.after.services:
            continue
        affected = comparison.before.callers(comparison.before.services[name])
        text = f"service {proto.name} is gone"
        if others := _other_versions(comparison.after, name, file.proto.package):
            text += f", and {' and '.join(others)} is another service: serve both until nobody"
            text += f" calls {name}"
        yield comparison.finding(
            "SERVICE_REMOVED", name, Place(file.path), text, affected, package=file.proto.package
        )


def _lost_events(comparison: Comparison, file: SchemaFile) -> Iterator[Finding]:
    for name in _events(comparison.before, file):
        if name in comparison.after.events:
            continue
        found = comparison.after.schemas.message(name)
        text = "is no event any more" if found else "is gone"
        place = found[0].place(found[1]) if found else Place(file.path)
        affected = [*comparison.before.consumers(name), *comparison.before.publishers(name)]
        text = f"event {name.rpartition('.')[2]} {text}"
        if others := _other_versions(comparison.after, name, file.proto.package):
            text += f", and {' and '.join(others)} is another event: publish both until nobody"
            text += f" consumes {name}"
        yield comparison.finding(
            "EVENT_REMOVED", name, place, text, affected, package=file.proto.package
        )


def _events(snapshot: Snapshot, file: SchemaFile) -> list[str]:
    return [n for _, name, _ in file.messages() if (n := file.full_name(name)) in snapshot.events]


def _other_versions(snapshot: Snapshot, full_name: str, package: str) -> list[str]:
    """The services and events of that name in other versions of a package."""
    own = full_name.removeprefix(f"{package}.")
    stem = version_of_package(package).stem
    known: Mapping[str, object] = {**snapshot.services, **snapshot.events}
    return [
        name
        for other in sorted(snapshot.packages)
        if other != package and version_of_package(other).stem == stem
        if (name := f"{other}.{own}") in known
    ]
