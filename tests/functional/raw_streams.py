"""The two sides of a stream as bare sockets: what they send are the bytes of the test."""

from __future__ import annotations

from google.protobuf.wrappers_pb2 import StringValue

from protonats._wire import frames, headers, status
from protonats.errors import Code, StatusError
from tests.functional.raw_nats import RawMessage, RawNats

CALL_ID = "00112233445566778899aabbccddeeff"
INSTANCE = "0123456789abcdef"


def body(value: str) -> bytes:
    """A serialized message."""
    return StringValue(value=value).SerializeToString()


def data(first: int, *values: str) -> bytes:
    """A DATA frame."""
    return frames.data(first, [body(value) for value in values])


def announce(carried: int = 0, messages: int = 1024, size: int = 1 << 22, ms: int = 5000) -> str:
    """A value of Pn-Stream."""
    return f"{carried}-{messages:08x}-{size:08x}-{ms:08x}"


def end(count: int) -> bytes:
    """The header block of an end."""
    return headers.encode({"Pn-End": str(count)})


def cancelled() -> tuple[bytes, bytes]:
    """Header block and body of the status that cancels."""
    lines, body = status.encode(StatusError(Code.CANCELLED, "no interest"))
    return headers.encode(lines), body


def code_in(message: RawMessage) -> tuple[Code, str]:
    """The status in a message."""
    error = status.decode(headers.decode(message.headers).lines, message.body)
    return error.code, error.message


class RawCaller:
    """A caller; begins with `open`."""

    def __init__(self, raw: RawNats) -> None:
        self.raw = raw
        self.follow = ""

    async def open(
        self,
        method: str,
        *,
        header: str | None = None,
        content: bytes = b"",
        call: str = f"01-{CALL_ID}-ffffffff",
    ) -> RawMessage:
        """Opens a call, and returns its first answer."""
        reply = "_INBOX.raw.1.2"
        await self.raw.subscribe(reply)
        lines = {"Pn-Call": call, "Pn-Stream": announce() if header is None else header}
        if header == "":
            del lines["Pn-Stream"]
        self.raw.publish(
            f"svc.echo.v1.{method}", content, reply=reply, headers=headers.encode(lines)
        )
        answer = await self.raw.receive()
        instance = headers.decode(answer.headers).lines.get("Pn-Instance", "")
        self.follow = f"svc.echo.v1._i.{instance}.{CALL_ID}"
        return answer

    def send(self, frame: bytes, block: bytes = b"") -> None:
        """Sends something that follows the request."""
        self.raw.publish(self.follow, frame, headers=block)

    async def status(self) -> tuple[Code, str]:
        """The status that ends the call; what comes before is passed over."""
        while True:
            message = await self.raw.receive()
            if b"Nats-Service-Error-Code" in message.headers:
                return code_in(message)


class RawInstance:
    """An instance with one call."""

    def __init__(self, raw: RawNats) -> None:
        self.raw = raw
        self.reply = ""
        self.call = ""

    async def serve(self, *methods: str) -> None:
        """Subscribes."""
        for method in (*methods, f"_i.{INSTANCE}.*", "_cancel"):
            await self.raw.subscribe(f"svc.echo.v1.{method}")

    async def take(self) -> RawMessage:
        """Takes the request of a call."""
        request = await self.raw.receive()
        self.reply = request.reply
        self.call = headers.decode(request.headers).lines["Pn-Call"][3:35]
        return request

    async def accept(self, header: str | None = None) -> RawMessage:
        """Takes the request of a call, and accepts it."""
        request = await self.take()
        lines = {"Pn-Instance": INSTANCE, "Pn-Stream": announce() if header is None else header}
        self.send(b"", headers.encode(lines))
        return request

    def send(self, frame: bytes, block: bytes = b"") -> None:
        """Sends an answer."""
        self.raw.publish(self.reply, frame, headers=block)

    async def status(self) -> tuple[Code, str]:
        """The status that ends the call; what comes before is passed over."""
        while True:
            message = await self.raw.receive()
            if b"Nats-Service-Error-Code" in message.headers:
                assert message.subject == f"svc.echo.v1._i.{INSTANCE}.{self.call}"
                return code_in(message)

    async def cancellation(self) -> str:
        """The call id that is cancelled by `_cancel`."""
        while True:
            message = await self.raw.receive()
            if message.subject.endswith("._cancel"):
                return headers.decode(message.headers).lines["Pn-Call"]
