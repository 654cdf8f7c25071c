"""The API of JetStream, as far as the runtime uses it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from protonats._transport.message import Message
from protonats._wire import subjects
from protonats.testing._local import direct_get
from protonats.testing._local.broker import NO_RESPONDERS, Broker, Interest
from protonats.testing._local.consumer import LocalConsumer
from protonats.testing._local.stream import ApiError, LocalStream, Stored, timestamp

_API: Final = "$JS.API."
_ACK: Final = "$JS.ACK.>"
_CLOSED: Final = "409 Consumer Deleted"


class _Unserved(Exception):
    """Nobody is subscribed to this subject of the API."""


class LocalJetStream:
    """The streams of one broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._streams: dict[str, LocalStream[LocalConsumer]] = {}
        self._interests: dict[str, list[Interest]] = {}
        self._served: dict[str, Callable[[list[str], dict[str, Any]], dict[str, Any]]] = {
            "STREAM.NAMES": self._names,
            "STREAM.LIST": self._list,
            "STREAM.CREATE": self._create,
            "STREAM.UPDATE": self._update,
            "STREAM.INFO": lambda rest, request: self._stream(rest[0]).info(),
            "STREAM.DELETE": self._delete,
            "STREAM.PURGE": self._purge,
            "STREAM.MSG.GET": self._get_message,
            "STREAM.MSG.DELETE": self._delete_message,
            "CONSUMER.CREATE": self._create_consumer,
            "CONSUMER.DURABLE.CREATE": self._create_consumer,
            "CONSUMER.INFO": lambda rest, request: self._consumer(*rest).info(),
            "CONSUMER.DELETE": self._delete_consumer,
        }
        broker.server.subscribe(f"{_API}>", self._receive)
        broker.server.subscribe(_ACK, self._answered)

    def close(self) -> None:
        """Ends all streams, with their timers."""
        for name in tuple(self._streams):
            self._delete([name], {})

    def _receive(self, message: Message) -> None:
        tokens = message.subject.removeprefix(_API).split(".")
        request = json.loads(message.body) if message.body.strip() else {}
        try:
            if tokens[:2] == ["DIRECT", "GET"]:
                self._read(tokens[2:], request, message.reply)
            elif tokens[:3] == ["CONSUMER", "MSG", "NEXT"]:
                self._pull(tokens[3:], request, message.reply)
            else:
                self._reply(message.reply, self._call(tokens, request))
        except ApiError as error:
            self._reply(message.reply, {"error": error.error})
        except _Unserved:
            answer = Message(message.reply, "", NO_RESPONDERS, b"")
            self._broker.server.send(message.reply, answer)

    def _call(self, tokens: list[str], request: dict[str, Any]) -> dict[str, Any]:
        for length in (3, 2):
            served = self._served.get(".".join(tokens[:length]))
            if served is not None:
                return served(tokens[length:], request)
        raise _Unserved

    def _reply(self, reply: str, answer: dict[str, Any]) -> None:
        if reply:
            body = json.dumps(answer, separators=(",", ":")).encode()
            self._broker.server.send(reply, Message(reply, "", b"", body))

    def _store(self, stream: LocalStream[LocalConsumer], message: Message) -> None:
        try:
            answer = stream.store(message)
        except ApiError as error:
            answer = {"stream": stream.name, "seq": 0, "error": error.error}
        self._reply(message.reply, answer)

    def _answered(self, message: Message) -> None:
        tokens = message.subject.split(".")
        stream = self._streams.get(tokens[2])
        consumer = None if stream is None else stream.consumers.get(tokens[3])
        if consumer is not None:
            consumer.answer(message)

    def _pull(self, rest: list[str], request: dict[str, Any], reply: str) -> None:
        stream = self._streams.get(rest[0])
        consumer = None if stream is None else stream.consumers.get(rest[1])
        if consumer is None:
            raise _Unserved
        consumer.pull(reply, request)

    def _read(self, rest: list[str], request: dict[str, Any], reply: str) -> None:
        stream = self._streams.get(rest[0])
        if stream is None or not stream.config.get("allow_direct"):
            raise _Unserved
        if len(rest) > 1:
            request = {"last_by_subj": ".".join(rest[1:])}
        for answer in direct_get.answers(stream, request, reply):
            self._broker.server.send(reply, answer)

    def _names(self, rest: list[str], request: dict[str, Any]) -> dict[str, Any]:
        pattern = request.get("subject")
        names = [
            name
            for name, stream in sorted(self._streams.items())
            if pattern is None or stream.stores(pattern)
        ]
        return {"total": len(names), "offset": 0, "limit": 1024, "streams": names}

    def _list(self, rest: list[str], request: dict[str, Any]) -> dict[str, Any]:
        streams = [stream.info() for _, stream in sorted(self._streams.items())]
        return {"total": len(streams), "offset": 0, "limit": 256, "streams": streams}

    def _create(self, rest: list[str], request: dict[str, Any]) -> dict[str, Any]:
        name = rest[0]
        if name in self._streams:
            if self._streams[name].config != request:
                raise ApiError(
                    400, 10058, "stream name already in use with a different configuration"
                )
            return self._streams[name].info()
        self._refuse_overlap(name, request)
        stream = LocalStream[LocalConsumer](request, self._broker.wall_time)
        self._streams[name] = stream
        self._listen(stream)
        return stream.info()

    def _update(self, rest: list[str], request: dict[str, Any]) -> dict[str, Any]:
        stream = self._stream(rest[0])
        self._refuse_overlap(stream.name, request)
        if (request.get("retention") or "limits") != (stream.config.get("retention") or "limits"):
            raise ApiError(
                500, 10052, "stream configuration update can not change retention policy"
            )
        stream.config = request
        self._listen(stream)
        return stream.info()

    def _refuse_overlap(self, name: str, config: dict[str, Any]) -> None:
        others = [stream for stream in self._streams.values() if stream.name != name]
        for subject in config.get("subjects") or ():
            if any(other.stores(subject) for other in others):
                raise ApiError(400, 10065, "subjects overlap with an existing stream")

    def _listen(self, stream: LocalStream[LocalConsumer]) -> None:
        server = self._broker.server
        for interest in self._interests.pop(stream.name, ()):
            server.unsubscribe(interest)
        self._interests[stream.name] = [
            server.subscribe(subject, partial(self._store, stream))
            for subject in stream.config.get("subjects") or ()
        ]

    def _delete(self, rest: list[str], request: dict[str, Any]) -> dict[str, Any]:
        stream = self._stream(rest[0])
        for interest in self._interests.pop(stream.name):
            self._broker.server.unsubscribe(interest)
        for consumer in stream.consumers.values():
            consumer.close(_CLOSED)
        del self._streams[stream.name]
        return {"success": True}

    def _purge(self, rest: list[str], request: dict[str, Any]) -> dict[str, Any]:
        pattern, before = request.get("filter") or ">", request.get("seq")
        count = self._stream(rest[0]).remove(
            lambda stored: subjects.matches(pattern, stored.subject)
            and (before is None or stored.sequence < before)
        )
        return {"success": True, "purged": count}

    def _get_message(self, rest: list[str], request: dict[str, Any]) -> dict[str, Any]:
        stream = self._stream(rest[0])
        stream.expire()
        stored: Stored | None
        if "last_by_subj" in request:
            stored = stream.last(request["last_by_subj"])
        elif "next_by_subj" in request:
            first = int(request.get("seq") or 1)
            stored = next(stream.matching(request["next_by_subj"], first), None)
        else:
            stored = stream.messages.get(int(request["seq"]))
        if stored is None:
            raise ApiError(404, 10037, "no message found")
        message = {
            "subject": stored.subject,
            "seq": stored.sequence,
            "time": timestamp(stored.nanoseconds),
            "data": base64.b64encode(stored.body).decode(),
        }
        if stored.block:
            message["hdrs"] = base64.b64encode(stored.block).decode()
        return {"message": message}

    def _delete_message(self, rest: list[str], request: dict[str, Any]) -> dict[str, Any]:
        stream, sequence = self._stream(rest[0]), int(request["seq"])
        if stream.config.get("deny_delete"):
            raise ApiError(500, 10057, "message delete not permitted")
        if not stream.remove(lambda stored: stored.sequence == sequence):
            raise ApiError(500, 10057, "stream store EOF")
        return {"success": True}

    def _create_consumer(self, rest: list[str], request: dict[str, Any]) -> dict[str, Any]:
        stream, config = self._stream(rest[0]), dict(request["config"])
        config["name"] = name = config.get("name") or config["durable_name"]
        _refuse_unknown(config)
        existing = stream.consumers.get(name)
        if existing is not None:
            existing.config = config
            return existing.info()
        consumer = stream.consumers[name] = LocalConsumer(self._broker, stream, config)
        return consumer.info()

    def _delete_consumer(self, rest: list[str], request: dict[str, Any]) -> dict[str, Any]:
        consumer = self._consumer(*rest)
        consumer.close(_CLOSED)
        del self._stream(rest[0]).consumers[consumer.name]
        return {"success": True}

    def _stream(self, name: str) -> LocalStream[LocalConsumer]:
        stream = self._streams.get(name)
        if stream is None:
            raise ApiError(404, 10059, "stream not found")
        return stream

    def _consumer(self, stream: str, name: str) -> LocalConsumer:
        consumer = self._stream(stream).consumers.get(name)
        if consumer is None:
            raise ApiError(404, 10014, "consumer not found")
        return consumer


def _refuse_unknown(config: dict[str, Any]) -> None:
    """Refuses what would behave otherwise than on a server."""
    policy = config.get("deliver_policy") or "all"
    if config.get("deliver_subject"):
        reason = "push consumers"
    elif policy not in ("all", "new"):
        reason = f"the deliver policy {policy}"
    elif (config.get("max_deliver") or -1) > 0:
        reason = "max_deliver"
    elif (config.get("ack_policy") or "explicit") != "explicit":
        reason = f"the ack policy {config['ack_policy']}"
    else:
        return
    raise ApiError(400, 10012, f"the JetStream of one process does not know {reason}")
