"""An explanation as a person reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["lines"]

Row = tuple[str, ...]


def lines(value: Mapping[str, Any]) -> Iterator[str]:
    """The lines of what `Explainer` gives."""
    yield from _BY_KIND[value["kind"]](value)


def _service(value: Mapping[str, Any]) -> Iterator[str]:
    yield f"service {value['full_name']}"
    if value["description"]:
        yield f"  {value['description']}"
    yield from _facts(
        ("name", value["name"]),
        ("version", value["version"]),
        ("schema", value["schema"]),
        ("queue group", value["queue_group"]),
        ("runs", f"python -m protonats.serve {value['runs']}"),
        ("called by", _callers(value["called_by"])),
    )
    yield from _section(
        "methods",
        [
            (one["name"], one["call"], one["subject"], _time_out(one["timeout"]))
            for one in value["methods"]
        ],
    )
    calls = [(one,) for one in value["calls"]]
    if value["calls_anything"]:
        calls.insert(0, ("anything, by a wildcard",))
    yield from _section("calls", calls)
    yield from _section(
        "publishes",
        [
            (one["name"], one["subject"], _stored(one), f"to {_consumers(one)}")
            for one in value["publishes"]
        ],
    )
    if value["publishes_anything"]:
        yield "  any other event, by a wildcard"
    for one in value["consumes"]:
        yield from _section(
            f"consumer {one['consumer']} of stream {one['stream']}",
            [
                *(
                    (event.rpartition(".")[2], subject)
                    for event, subject in zip(one["events"], one["subjects"], strict=True)
                ),
                (
                    "deliveries",
                    f"{one['max_deliver']}, each answered within {one['ack_wait']:g} s,"
                    f" with pauses of {', '.join(f'{pause:g} s' for pause in one['backoff'])}",
                ),
                ("dead letters", one["dead_letters"]),
            ],
        )
    yield from _section(
        "key-value buckets", [(one["name"], one["description"]) for one in value["buckets"]]
    )
    for right in ("publish", "subscribe"):
        yield from _section(f"may {right}", [(one,) for one in value["permissions"][right]])
    yield from _section("files", [(one,) for one in value["files"]])


def _method(value: Mapping[str, Any]) -> Iterator[str]:
    retry = value["retry"]
    attempts = retry["max_attempts"]
    pauses = f"{retry['initial_backoff']:g} s to {retry['max_backoff']:g} s apart"
    yield f"method {value['full_name']}"
    yield from _facts(
        ("kind", value["call"]),
        ("request", value["request"]),
        ("response", value["response"]),
        ("subject", value["subject"]),
        ("instances hear", value["instances_subscribe_to"]),
        ("time-out", _time_out(value["timeout"])),
        ("side effects", value["idempotency_level"]),
        ("attempts", f"{attempts}, {pauses}" if attempts > 1 else "1"),
        ("made again when", value["retried_when"]),
        *(
            (name, _policy(value[name]))
            for name in ("hedging", "idempotency", "concurrency", "cache")
            if name in value
        ),
        ("http", ", ".join(value["http"])),
        ("called by", _callers(value["called_by"])),
        ("schema", value["place"]),
    )


def _event(value: Mapping[str, Any]) -> Iterator[str]:
    yield f"event {value['full_name']}"
    yield from _facts(
        ("subject", value["subject"]),
        ("key", value["key_field"] or ""),
        ("stored", _stored(value)),
        ("published by", ", ".join(value["published_by"]) or "no service"),
        ("consumed by", _consumers(value)),
        ("invalidates", ", ".join(value["invalidates"])),
        ("schema", value["place"]),
    )


def _schema(value: Mapping[str, Any]) -> Iterator[str]:
    yield f"schema {value['path']}"
    yield from _facts(("module", value["module"]))
    yield from _section("services", [(one["full_name"],) for one in value["services"]])
    yield from _section("events", [(one,) for one in value["events"]])
    yield from _section("messages", [(one,) for one in value["messages"]])
    yield from _section("files", [(one,) for one in value["files"]])


_BY_KIND: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "event": _event,
    "method": _method,
    "schema": _schema,
    "service": _service,
}


def _facts(*facts: tuple[str, str]) -> Iterator[str]:
    told = [fact for fact in facts if fact[1]]
    yield from _table(told)


def _section(title: str, rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        yield ""
        yield title
        yield from _table(rows)


def _table(rows: Sequence[Row]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _callers(callers: Sequence[Mapping[str, Any]]) -> str:
    names = [
        f"{one['service']} (by a wildcard)" if one["by_wildcard"] else one["service"]
        for one in callers
    ]
    return ", ".join(names) or "no service"


def _consumers(event: Mapping[str, Any]) -> str:
    names = [f"{one['service']} ({one['consumer']})" for one in event["consumed_by"]]
    return ", ".join(names) or "no service"


def _stored(event: Mapping[str, Any]) -> str:
    if not event["durable"]:
        return "not stored"
    return f"in {event['stream']}" if event["stream"] else "no stream stores it"


def _time_out(seconds: float | None) -> str:
    return "no time-out" if seconds is None else f"{seconds:g} s"


def _policy(policy: Mapping[str, Any]) -> str:
    """What is set of a policy, whose fractions are all seconds."""
    parts = []
    for name, value in policy.items():
        if isinstance(value, float):
            parts.append(f"{name} {value:g} s")
        elif isinstance(value, list | tuple):
            parts.extend(f"{name} {one}" for one in value)
        elif value is not None and value is not False:
            parts.append(name if value is True else f"{name} {value}")
    return ", ".join(parts)
