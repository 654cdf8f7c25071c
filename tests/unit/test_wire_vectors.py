"""The vectors of the wire protocol, byte by byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import RetryInfo

from protonats._calling.attempt import _read_headers
from protonats._calling.request import header_lines
from protonats._info import MethodInfo, MethodKind, ServiceInfo
from protonats._serving import discovery
from protonats._serving.endpoint import endpoints_of
from protonats._serving.refusal import Refusal, lines_of
from protonats._transport.message import Message as Answer
from protonats._wire import audit, call, events, headers, metadata, status, subjects
from protonats._wire.idempotency import FINAL, KeyedRequest
from protonats.call_info import CallInfo
from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.metrics import Metrics
from protonats.server import CallContext, Server

_VECTORS = Path(__file__).parents[2] / "docs" / "wire-vectors"


def load(name: str) -> Any:
    return json.loads((_VECTORS / name).read_text())


def trace_of(vector: dict[str, Any] | None) -> call.Trace | None:
    return None if vector is None else call.Trace(**vector)


class TestCallHeader:
    vectors = load("call-header.json")

    @pytest.mark.parametrize("vector", vectors["valid"], ids=lambda vector: vector["value"])
    def test_is_read(self, vector: dict[str, Any]) -> None:
        header = call.decode(vector["value"])
        assert header.call_id == vector["call_id"]
        assert header.remaining_ms == vector["remaining_ms"]
        assert header.trace == trace_of(vector["trace"])

    @pytest.mark.parametrize("vector", vectors["valid"], ids=lambda vector: vector["value"])
    def test_is_written_in_one_way(self, vector: dict[str, Any]) -> None:
        written = call.encode(
            call.CallHeader(vector["call_id"], vector["remaining_ms"], trace_of(vector["trace"]))
        )
        assert (written == vector["value"]) is vector["canonical"]

    @pytest.mark.parametrize("vector", vectors["invalid"], ids=lambda vector: vector["value"])
    def test_is_refused_with_the_right_code(self, vector: dict[str, Any]) -> None:
        with pytest.raises(StatusError) as error:
            call.decode(vector["value"])
        assert error.value.code == vector["code"]


class TestMetadata:
    vectors = load("metadata.json")

    @pytest.mark.parametrize(("name", "value"), vectors["accepted"])
    def test_a_good_pair_travels(self, name: str, value: str) -> None:
        metadata.check({name: value})
        assert metadata.read({name: value}) == {name: value}

    @pytest.mark.parametrize(("name", "value"), vectors["refused"])
    def test_a_bad_pair_is_refused_by_the_sender(self, name: str, value: str) -> None:
        with pytest.raises(StatusError, match="metadata") as error:
            metadata.check({name: value})
        assert error.value.code is Code.INVALID_ARGUMENT

    @pytest.mark.parametrize(("name", "value"), vectors["refused"])
    def test_a_bad_pair_is_ignored_by_the_receiver(self, name: str, value: str) -> None:
        assert metadata.read({name: value, "good": "one"}).get(name) is None


class TestStatus:
    vectors = load("status.json")

    @pytest.mark.parametrize("vector", vectors["write"], ids=lambda vector: str(vector["code"]))
    def test_is_written(self, vector: dict[str, Any]) -> None:
        known: dict[str, Message] = {
            "google.rpc.RetryInfo": RetryInfo(retry_delay=Duration(seconds=2))
        }
        details = [known[name] for name in vector["details"]]
        error = StatusError(Code(vector["code"]), vector["message"], details=details)
        lines, body = status.encode(error)
        assert headers.encode(lines).hex() == vector["headers"]
        assert body.hex() == vector["body"]

    @pytest.mark.parametrize("vector", vectors["read"], ids=lambda vector: vector["name"])
    def test_is_read(self, vector: dict[str, Any]) -> None:
        block = headers.decode(bytes.fromhex(vector["headers"]))
        if vector["name"] == "no responders":
            assert (block.status, block.lines) == (headers.NO_RESPONDERS, {})
            return
        error = status.decode(block.lines, bytes.fromhex(vector["body"]))
        assert error.code == vector["code"]
        assert error.message == vector["message"]
        assert [detail.DESCRIPTOR.full_name for detail in error.details] == vector["details"]


class TestSubjects:
    vectors = load("subjects.json")

    @pytest.mark.parametrize("vector", vectors["fill"], ids=lambda vector: str(vector["values"]))
    def test_a_template_is_filled(self, vector: dict[str, Any]) -> None:
        template = subjects.template(vector["template"])
        assert template.listen == vector["listen"]
        if vector["subject"] is None:
            with pytest.raises(StatusError) as error:
                template.fill(vector["values"].__getitem__)
            assert error.value.code is Code.INVALID_ARGUMENT
        else:
            assert template.fill(vector["values"].__getitem__) == vector["subject"]
            assert subjects.matches(template.listen, vector["subject"])
            template.check(vector["subject"], vector["values"].__getitem__)

    @pytest.mark.parametrize("vector", vectors["reply"], ids=lambda vector: vector["subject"])
    def test_replies_go_to_inboxes_only(self, vector: dict[str, Any]) -> None:
        assert subjects.reply_allowed(vector["subject"]) is vector["allowed"]

    @pytest.mark.parametrize("vector", vectors["size"], ids=str)
    def test_the_size_of_a_subject_is_counted_in_bytes(self, vector: dict[str, Any]) -> None:
        subject = vector["repeat"] * vector["times"]
        assert subjects.is_too_long(subject) is not vector["allowed"]


class TestUnary:
    vectors = load("unary.json")

    @pytest.mark.parametrize("vector", vectors["request"], ids=lambda vector: vector["name"])
    def test_request_headers(self, vector: dict[str, Any]) -> None:
        described = vector["call"]
        header = call.CallHeader(
            described["call_id"], described["remaining_ms"], trace_of(described["trace"])
        )
        lines = {headers.CALL: call.encode(header)}
        if described["idempotency_key"] is not None:
            lines[headers.IDEMPOTENCY_KEY] = described["idempotency_key"]
        lines |= described["metadata"]
        block = bytes.fromhex(vector["headers"])
        assert headers.encode(lines) == block
        assert headers.size(lines) == len(block)
        assert headers.decode(block).lines == lines
        assert metadata.read(lines) == described["metadata"]
        assert StringValue(value=described["value"]).SerializeToString().hex() == vector["body"]

    @pytest.mark.parametrize("vector", vectors["response"], ids=lambda vector: vector["name"])
    def test_response_headers(self, vector: dict[str, Any]) -> None:
        block = headers.decode(bytes.fromhex(vector["headers"]))
        assert headers.ERROR_CODE not in block.lines
        assert metadata.read(block.lines) == vector["metadata"]
        assert metadata.read_trailers(block.lines) == vector["trailers"]
        lines = metadata.lines(vector["metadata"], vector["trailers"])
        assert headers.encode(lines).hex() == vector["headers"]


class TestIdempotency:
    vectors = load("idempotency.json")

    @pytest.mark.parametrize("vector", vectors["request"], ids=lambda vector: vector["name"])
    def test_a_request_carries_its_key_and_its_caller(self, vector: dict[str, Any]) -> None:
        block = bytes.fromhex(vector["headers"])
        lines = headers.decode(block).lines
        assert lines[headers.IDEMPOTENCY_KEY] == vector["key"]
        assert lines.get(headers.CALLER) == vector["caller"]
        assert metadata.read(lines) == vector["metadata"]
        if vector["caller"] is not None:
            caller = cast(Connection, SimpleNamespace(name=vector["caller"]))
            written = header_lines(caller, vector["metadata"], vector["key"]) or {}
            assert headers.encode({headers.CALL: lines[headers.CALL], **written}) == block

    @pytest.mark.parametrize("vector", vectors["refused"], ids=str)
    def test_a_bad_key_or_caller_is_refused(self, vector: dict[str, Any]) -> None:
        def read() -> None:
            metadata.check_text(vector["key"], "an idempotency key")
            KeyedRequest.of("a.B/C", {headers.CALLER: vector["caller"]}, vector["key"], b"")

        with pytest.raises(StatusError) as error:
            read()
        assert error.value.code is Code.INVALID_ARGUMENT

    @pytest.mark.parametrize("vector", vectors["calls"], ids=lambda vector: vector["about"])
    def test_which_calls_are_one_call(self, vector: dict[str, Any]) -> None:
        one, other = (
            KeyedRequest.of(
                call["method"],
                {} if call["caller"] is None else {headers.CALLER: call["caller"]},
                call["key"],
                b"",
            ).name
            for call in vector["calls"]
        )
        assert (one == other) is vector["same"]

    @pytest.mark.parametrize("vector", vectors["digest"], ids=str)
    def test_which_requests_are_the_same(self, vector: dict[str, Any]) -> None:
        one, other = (
            KeyedRequest.of("a.B/C", {}, "key", bytes.fromhex(body)).digest
            for body in vector["bodies"]
        )
        assert (one == other) is vector["same"]

    @pytest.mark.parametrize("vector", vectors["response"], ids=lambda vector: vector["name"])
    def test_what_an_answer_says_of_itself(self, vector: dict[str, Any]) -> None:
        info, error = CallInfo(), None
        answer = Answer("_INBOX.a", "", bytes.fromhex(vector["headers"]), b"")
        try:
            _read_headers(answer, "svc.a.v1.b", info)
        except StatusError as raised:
            error = raised
        assert info.replayed is vector["replayed"]
        assert (error.code if error else None) == vector["code"]
        assert bool(error and error.unhandled) is vector["unhandled"]

    def test_a_refusal_is_written_as_it_is_read(self) -> None:
        (vector,) = [one for one in self.vectors["response"] if one["unhandled"]]
        refusal = Refusal(Code.UNAVAILABLE, "the store of answers is away")
        lines, _ = lines_of(refusal)
        assert headers.encode(lines).hex() == vector["headers"]

    @pytest.mark.parametrize("vector", vectors["kept"], ids=lambda vector: str(vector["code"]))
    def test_which_statuses_are_kept(self, vector: dict[str, Any]) -> None:
        assert (Code(vector["code"]) in FINAL) is vector["kept"]


class TestEvents:
    vectors = load("event.json")

    @pytest.mark.parametrize("vector", vectors["publish"], ids=lambda vector: vector["to"])
    def test_publishing(self, vector: dict[str, Any]) -> None:
        field = None if vector["key"] is None else "value"
        assert events.subject(vector["subject"], field, vector["key"]) == vector["to"]
        block = events.event_block(
            vector["event_id"],
            events.type_line("google.protobuf.StringValue"),
            vector["metadata"],
            vector["traceparent"],
        )
        assert block.hex() == vector["headers"]
        assert events.block_trace(block) == vector["traceparent"]
        lines = headers.decode(block).lines
        assert events.event_type(lines) == "google.protobuf.StringValue"
        assert events.event_metadata(lines) == vector["metadata"]

    @pytest.mark.parametrize("vector", vectors["dead_letter"], ids=lambda vector: vector["to"])
    def test_dead_letters(self, vector: dict[str, Any]) -> None:
        stream, consumer = vector["stream"], vector["consumer"]
        assert events.dead_letter_subject(stream, consumer) == vector["to"]
        original = {
            events.MSG_ID: vector["event_id"],
            events.EVENT: vector["event"],
            **vector["metadata"],
        }
        letter = events.dead_letter_headers(
            stream=stream,
            consumer=consumer,
            sequence=vector["sequence"],
            subject=vector["subject"],
            lines=original,
            deliveries=vector["deliveries"],
            error=vector["error"],
        )
        assert headers.encode(letter).hex() == vector["headers"]

    @pytest.mark.parametrize("vector", vectors["rest"], ids=lambda vector: vector["letter"])
    def test_the_second_half_of_a_body(self, vector: dict[str, Any]) -> None:
        rest = events.rest_headers(vector["letter"])
        assert headers.encode(rest).hex() == vector["headers"]

    @pytest.mark.parametrize("vector", vectors["replay"], ids=lambda vector: vector["about"])
    def test_replays(self, vector: dict[str, Any]) -> None:
        letter = headers.decode(bytes.fromhex(vector["letter"])).lines
        lines = events.replay_headers(letter)
        block = headers.encode(lines)
        assert block.hex() == vector["headers"]
        assert events.is_replay(block)
        assert events.event_id(lines) == vector["event_id"]
        for stream, consumer, handles in vector["handled_by"]:
            assert events.is_for(lines, stream, consumer) is handles


class TestAudit:
    vectors = load("audit.json")

    @pytest.mark.parametrize("vector", vectors["subject"], ids=lambda vector: vector["subject"])
    def test_where_records_go(self, vector: dict[str, Any]) -> None:
        assert audit.subject(vector["domain"], vector["method"]) == vector["subject"]

    @pytest.mark.parametrize("vector", vectors["caller"], ids=lambda vector: vector["reply"])
    def test_who_called(self, vector: dict[str, Any]) -> None:
        assert audit.caller_of(vector["reply"]) == (vector["caller"] or "")

    @pytest.mark.parametrize("vector", vectors["record"], ids=lambda vector: str(vector["body"]))
    def test_what_a_record_says(self, vector: dict[str, Any]) -> None:
        time = datetime.fromisoformat(vector["call"]["time"])
        assert json.loads(audit.record(**vector["call"] | {"time": time})) == vector["body"]


class TestDiscovery:
    vector = load("discovery.json")

    @pytest.fixture
    def server(self) -> Server:
        facts = self.vector["service"]
        (method,) = facts["methods"]

        class EchoServer(Server):
            __protonats__ = ServiceInfo(
                name=facts["name"],
                full_name=facts["full_name"],
                domain=facts["domain"],
                version=facts["version"],
                description=facts["description"],
                methods=(
                    MethodInfo(
                        service=facts["full_name"],
                        name=method["name"],
                        python_name=method["endpoint"],
                        subject=method["subject"],
                        kind=MethodKind(method["kind"]),
                        request=StringValue,
                        response=StringValue,
                        timeout=5.0,
                    ),
                ),
            )

            async def say(self, request: StringValue, context: CallContext) -> StringValue:
                return request

        return EchoServer()

    def test_subjects(self) -> None:
        facts = self.vector["service"]
        served = [
            subject
            for verb in ("PING", "INFO", "STATS")
            for subject in discovery.discovery_subjects(verb, facts["name"], facts["id"])
        ]
        assert served == self.vector["subjects"]

    def test_responses(self, server: Server) -> None:
        info, instance = server.__protonats__, self.vector["service"]["id"]
        endpoints = endpoints_of(server, Metrics())
        started = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert discovery.ping_response(info, instance) == self.vector["ping"]
        assert discovery.info_response(info, instance, endpoints) == self.vector["info"]
        assert discovery.stats_response(info, instance, endpoints, started) == self.vector["stats"]
