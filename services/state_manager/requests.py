"""What a request has to be before anything is done with it."""

from __future__ import annotations

import re
from typing import Final

import protonats
from bodybroker.common.v1 import common_pb2
from bodybroker.state_manager.v1 import state_manager_pb2

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KINDS: Final = (state_manager_pb2.STATE_KIND_PLAYER, state_manager_pb2.STATE_KIND_ENTITY)
_MODES: Final = (common_pb2.UPDATE_MODE_MERGE, common_pb2.UPDATE_MODE_REPLACE)
_MOST_KEYS: Final = 256
_MOST_STATES: Final = 100
_LONGEST_KEY: Final = 256


def check_update(request: state_manager_pb2.UpdateRequest) -> None:
    """Refuses a request that breaks a rule.

    Raises:
        StatusError: INVALID_ARGUMENT; the text names the field and what to write.
    """
    check_key(request.kind, request.id)
    if request.mode not in _MODES:
        raise _invalid("mode", request.mode, "UPDATE_MODE_MERGE or UPDATE_MODE_REPLACE")
    if not request.HasField("data"):
        raise _invalid("data", None, "an object, {} for an empty one")
    if len(request.data.fields) > _MOST_KEYS:
        raise _invalid("data", f"{len(request.data.fields)} keys", f"up to {_MOST_KEYS} keys")
    for key in request.data.fields:
        # Events list the keys that changed, and bound their length.
        if len(key) > _LONGEST_KEY:
            raise _invalid("data", f"a key of {len(key)} characters", f"up to {_LONGEST_KEY}")


def check_batch(request: state_manager_pb2.BatchGetRequest) -> None:
    """Refuses a request that breaks a rule.

    Raises:
        StatusError: INVALID_ARGUMENT; the text names the field and what to write.
    """
    if not 1 <= len(request.keys) <= _MOST_STATES:
        raise _invalid("keys", f"{len(request.keys)} keys", f"1 to {_MOST_STATES} keys")
    for key in request.keys:
        check_key(key.kind, key.id)


def check_key(kind: state_manager_pb2.StateKind.ValueType, id: str) -> None:
    """Refuses what names no state.

    Raises:
        StatusError: INVALID_ARGUMENT; the text names the field and what to write.
    """
    if kind not in _KINDS:
        raise _invalid("kind", kind, "STATE_KIND_PLAYER or STATE_KIND_ENTITY")
    if not _ID.fullmatch(id):
        raise _invalid("id", id, "1 to 64 letters, digits, '_' and '-'")


def _invalid(field: str, value: object, rule: str) -> protonats.StatusError:
    return protonats.StatusError(
        protonats.Code.INVALID_ARGUMENT, f"{field} is {value!r}: write {rule}"
    )
