"""What may be done with a StatusError besides raising it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any

import pytest
from google.protobuf import any_pb2
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import ErrorInfo

from protonats._consuming.stored import StoredMessage
from protonats._publishing import TooLargeError
from protonats.errors import Code, StatusError
from protonats.events import BatchError, PublishAck
from protonats.history import UnreadableEvent

DETAILS = (ErrorInfo(reason="STALE", domain="shop"), StringValue(value="more"))


def _pickled(error: StatusError) -> StatusError:
    restored: StatusError = pickle.loads(pickle.dumps(error))
    return restored


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, _pickled])
def test_it_can_be_copied_and_pickled(again: Callable[[StatusError], StatusError]) -> None:
    try:
        raise StatusError(
            Code.NOT_FOUND, "no hat", details=DETAILS, unhandled=True
        ) from LookupError("secret")
    except StatusError as error:
        original = error
    original.method = "acme.shop.v1.ShopService/Buy"
    copied = again(original)
    assert copied is not original
    assert type(copied) is StatusError
    assert str(copied) == str(original) == "NOT_FOUND: no hat"
    assert (copied.code, copied.message, copied.unhandled) == (Code.NOT_FOUND, "no hat", True)
    assert (copied.details, copied.method) == (DETAILS, original.method)
    assert copied.__cause__ is None
    assert copied.__traceback__ is None


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, _pickled])
def test_without_a_message_and_of_a_subclass(again: Callable[[StatusError], StatusError]) -> None:
    copied = again(TooLargeError(Code.RESOURCE_EXHAUSTED))
    assert type(copied) is TooLargeError
    assert (str(copied), copied.message) == ("RESOURCE_EXHAUSTED", "")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, _pickled])
def test_of_a_subclass_that_is_made_of_other_arguments(
    again: Callable[[StatusError], StatusError],
) -> None:
    stored = StoredMessage("EVENTS", 7, "evt.shop.v1.sold", datetime.now(UTC), {}, b"\xff")
    copied = again(UnreadableEvent(stored, "acme.shop.v1.Sold", "it is cut"))
    assert isinstance(copied, UnreadableEvent)
    assert copied.message.endswith("cannot be read as acme.shop.v1.Sold: it is cut")
    assert (copied.stream, copied.sequence, copied.subject) == ("EVENTS", 7, "evt.shop.v1.sold")
    assert copied.body == b"\xff"


def test_the_error_of_a_batch_can_be_pickled() -> None:
    ack = PublishAck("id", "EVENTS", 1, False)
    failed = BatchError((ack, StatusError(Code.UNAVAILABLE, "gone")))
    restored = pickle.loads(pickle.dumps(failed))
    assert (type(restored), str(restored)) == (BatchError, str(failed))
    assert restored.results[0] == ack
    assert restored.results[1].code is Code.UNAVAILABLE


def test_a_detail_of_an_unknown_type_stays_as_it_is() -> None:
    unknown = any_pb2.Any(type_url="type.googleapis.com/acme.v9.Unknown", value=b"\x08\x01")
    assert _pickled(StatusError(Code.ABORTED, details=[unknown])).details == (unknown,)


def _fail() -> None:
    raise StatusError(Code.ABORTED, "again", details=DETAILS)


def test_it_comes_back_from_another_process() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(StatusError, match="ABORTED: again") as error,
    ):
        pool.submit(_fail).result(timeout=60)
    assert error.value.details == DETAILS


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        (("gone",), {}, "the code of a StatusError is a protonats.Code, for example"),
        ((5, "gone"), {}, r"Code\.NOT_FOUND, not 5"),
        ((None,), {}, "not None"),
        ((Code.ABORTED, ValueError("x")), {}, "the message of a StatusError is a str, not Val"),
        ((Code.ABORTED,), {"details": DETAILS[0]}, "a sequence of protobuf messages, not ErrorInf"),
        ((Code.ABORTED,), {"details": ["x"]}, "a sequence of protobuf messages, and one is a str"),
    ],
)
def test_what_cannot_be_a_status_is_a_type_error(
    arguments: tuple[Any, ...], options: dict[str, Any], text: str
) -> None:
    with pytest.raises(TypeError, match=text):
        StatusError(*arguments, **options)
