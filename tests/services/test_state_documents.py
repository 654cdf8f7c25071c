"""What updates make of a state."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import example, given

from bodybroker.common.v1 import common_pb2
from bodybroker.state_manager.v1 import state_manager_pb2
from protonats import Code, StatusError
from services.state_manager import documents
from tests.services.states import nested, objects, plain, struct

MERGE = common_pb2.UPDATE_MODE_MERGE
REPLACE = common_pb2.UPDATE_MODE_REPLACE


def rfc_7396(target: Any, patch: Any) -> Any:
    """The algorithm of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = rfc_7396(result.get(name), value)
    return result


@given(objects, objects)
def test_merge_is_a_json_merge_patch(old: dict[str, Any], change: dict[str, Any]) -> None:
    before, patch = struct(old), struct(change)

    merged = documents.update(before, patch, MERGE)

    assert plain(merged) == rfc_7396(plain(before), plain(patch))
    assert (before, patch) == (struct(old), struct(change))


@given(objects, objects)
def test_replace_takes_the_change_as_it_is(old: dict[str, Any], change: dict[str, Any]) -> None:
    assert documents.update(struct(old), struct(change), REPLACE) == struct(change)


def told_apart(value: Any) -> Any:
    """The same value, with booleans that are no numbers: to Python, False is 0."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, dict):
        return {key: told_apart(one) for key, one in value.items()}
    return [*map(told_apart, value)] if isinstance(value, list) else value


@example({"b": False}, {"b": 0.0})
@given(objects, objects)
def test_changed_keys_are_those_that_differ(old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = told_apart(plain(struct(old))), told_apart(plain(struct(new)))
    missing = object()
    different = {
        key for key in {*before, *after} if before.get(key, missing) != after.get(key, missing)
    }
    assert documents.changed_keys(struct(old), struct(new)) == sorted(different)


@given(objects, objects)
def test_merging_twice_changes_nothing_more(old: dict[str, Any], change: dict[str, Any]) -> None:
    once = documents.update(struct(old), struct(change), MERGE)
    assert documents.update(once, struct(change), MERGE) == once


def test_a_null_inside_a_new_object_is_left_out() -> None:
    merged = documents.update(Struct(), struct({"a": {"b": None, "c": 1}}), MERGE)
    assert plain(merged) == {"a": {"c": 1.0}}


def test_a_state_has_at_most_1024_keys() -> None:
    documents.check(struct({str(number): 1 for number in range(1024)}))
    with pytest.raises(StatusError, match="1025 keys on its first level: 1024 is the most") as e:
        documents.check(struct({str(number): 1 for number in range(1025)}))
    assert e.value.code is Code.RESOURCE_EXHAUSTED


def test_a_state_has_at_most_256_kib() -> None:
    empty = struct({"text": ""}).ByteSize()
    # Lengths take up to three bytes more where the text is long.
    documents.check(struct({"text": "x" * (documents.MAX_BYTES - empty - 9)}))
    with pytest.raises(StatusError, match="bytes: 262144 is the most") as raised:
        documents.check(struct({"text": "x" * documents.MAX_BYTES}))
    assert raised.value.code is Code.RESOURCE_EXHAUSTED


def in_a_list(state: Struct) -> Struct:
    return struct({"list": [plain(state)]})


@pytest.mark.parametrize(
    ("deepest", "too_deep"),
    [(nested(32), nested(33)), (in_a_list(nested(30)), in_a_list(nested(31)))],
    ids=["objects", "lists"],
)
def test_a_state_has_at_most_32_levels(deepest: Struct, too_deep: Struct) -> None:
    documents.check(deepest)
    with pytest.raises(StatusError, match="nested deeper than 32 levels") as raised:
        documents.check(too_deep)
    assert raised.value.code is Code.INVALID_ARGUMENT


def test_the_deepest_state_fits_every_message() -> None:
    state = state_manager_pb2.State(data=nested(32))
    response = state_manager_pb2.UpdateResponse(state=state)
    batch = state_manager_pb2.BatchGetResponse(states=[state])

    for message in (response, batch):
        assert type(message).FromString(message.SerializeToString()) == message


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_json_number_is_no_state(number: float) -> None:
    state = Struct()
    state.update({"list": [{"number": number}]})
    with pytest.raises(StatusError, match="under 'list' is no JSON number") as raised:
        documents.check(state)
    assert raised.value.code is Code.INVALID_ARGUMENT


def test_a_value_of_no_kind_is_no_state() -> None:
    with pytest.raises(StatusError, match="the value under 'a' is of no kind"):
        documents.check(Struct(fields={"a": Value()}))
