"""States as JSON objects: what an update makes of one, and how large one may be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from google.protobuf.struct_pb2 import Struct, Value

import protonats
from bodybroker.common.v1 import common_pb2

MAX_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 1024
MAX_DEPTH: Final = 32


def update(old: Struct, change: Struct, mode: common_pb2.UpdateMode.ValueType) -> Struct:
    """The object after an update.

    MERGE is a JSON merge patch (RFC 7396): nested objects are merged, a null removes its key,
    everything else replaces what was there. REPLACE takes the change as it is.
    """
    if mode == common_pb2.UPDATE_MODE_REPLACE:
        return _copy(change)
    merged = _copy(old)
    _merge(merged, change)
    return merged


def changed_keys(old: Struct, new: Struct) -> list[str]:
    """Keys on the first level that were added, changed or removed, sorted."""
    keys = {*old.fields, *new.fields}
    return sorted(
        key
        for key in keys
        if key not in old.fields or key not in new.fields or old.fields[key] != new.fields[key]
    )


def check(document: Struct) -> None:
    """Refuses an object that is no state.

    Raises:
        StatusError: INVALID_ARGUMENT, nested deeper than 32 levels, or no JSON because of an
            infinite number or a value of no kind; RESOURCE_EXHAUSTED, larger than 256 KiB, counted
            as protobuf, or more than 1,024 keys on its first level.
    """
    if len(document.fields) > MAX_KEYS:
        raise protonats.StatusError(
            protonats.Code.RESOURCE_EXHAUSTED,
            f"the state would have {len(document.fields)} keys on its first level: {MAX_KEYS} is"
            " the most",
        )
    size = document.ByteSize()
    if size > MAX_BYTES:
        raise protonats.StatusError(
            protonats.Code.RESOURCE_EXHAUSTED,
            f"the state would have {size} bytes: {MAX_BYTES} is the most",
        )
    for key, value in document.fields.items():
        _check_value(value, key, 1)


def _check_value(value: Value, key: str, depth: int) -> None:
    match value.WhichOneof("kind"):
        case None:
            raise _invalid(f"the value under {key!r} is of no kind: write null for nothing")
        case "number_value" if not math.isfinite(value.number_value):
            raise _invalid(f"{value.number_value} under {key!r} is no JSON number")
        case "struct_value":
            _check_inner(value.struct_value.fields.values(), key, depth)
        case "list_value":
            _check_inner(value.list_value.values, key, depth)


def _check_inner(values: Iterable[Value], key: str, depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise _invalid(f"the value under {key!r} is nested deeper than {MAX_DEPTH} levels")
    for value in values:
        _check_value(value, key, depth + 1)


def _merge(target: Struct, change: Struct) -> None:
    for key, value in change.fields.items():
        kind = value.WhichOneof("kind")
        if kind == "null_value":
            target.fields.pop(key, None)
        elif kind == "struct_value":
            if key not in target.fields or not target.fields[key].HasField("struct_value"):
                # An empty object counts as a value too.
                target.fields[key].CopyFrom(Value(struct_value=Struct()))
            _merge(target.fields[key].struct_value, value.struct_value)
        else:
            target.fields[key].CopyFrom(value)


def _copy(document: Struct) -> Struct:
    copy = Struct()
    copy.CopyFrom(document)
    return copy


def _invalid(text: str) -> protonats.StatusError:
    return protonats.StatusError(protonats.Code.INVALID_ARGUMENT, text)
