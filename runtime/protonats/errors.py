"""The errors of protonats.

ProtonatsError
├── StatusError          a call or an event failed with a status
├── ConfigurationError   a setting is missing, malformed or contradicts another
└── ContractError        generated code and runtime do not fit together
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.message import Message

__all__ = ["Code", "ConfigurationError", "ContractError", "ProtonatsError", "StatusError"]


class Code(enum.IntEnum):
    """Why a call failed: the codes of `google.rpc.Code` other than OK."""

    CANCELLED = 1
    """The call was cancelled, as a rule by its caller."""

    UNKNOWN = 2
    """The other side reported a code that does not exist."""

    INVALID_ARGUMENT = 3
    """The request is malformed or breaks a rule of its schema: sending it again does not help."""

    DEADLINE_EXCEEDED = 4
    """The deadline passed; what the call was to do may have been done all the same."""

    NOT_FOUND = 5
    """What was asked for does not exist."""

    ALREADY_EXISTS = 6
    """What was to be created exists."""

    PERMISSION_DENIED = 7
    """The caller may not do this."""

    RESOURCE_EXHAUSTED = 8
    """A quota or size limit is reached, or the instance is full."""

    FAILED_PRECONDITION = 9
    """The system is not in the state that the call needs."""

    ABORTED = 10
    """Another call came in between: read the state again, then try again."""

    OUT_OF_RANGE = 11
    """The call reaches past the valid range."""

    UNIMPLEMENTED = 12
    """The method is not served."""

    INTERNAL = 13
    """A defect in the service; its log has the error id that the message names."""

    UNAVAILABLE = 14
    """No instance answers, or there is no connection; trying again later may help."""

    DATA_LOSS = 15
    """Data is lost and cannot be recovered."""

    UNAUTHENTICATED = 16
    """The caller did not prove who it is."""


class ProtonatsError(Exception):
    """The base of every error that protonats raises by itself."""


_PACKED: Final = frozenset({"code", "message", "details"})
"""What a pickled StatusError has as it crosses the network."""


class StatusError(ProtonatsError):
    """A call that failed with a status.

    Raise it in a handler to answer with a status; a client raises it for a status that it received.
    It can be copied and pickled, with its details and without its cause.

    Attributes:
        code: Why the call failed.
        message: What a person should know. It crosses the network: no secrets.
        details: Typed protobuf messages for programs, for example `google.rpc.ErrorInfo`.
        unhandled: Whether the call is known not to have been begun anywhere, so that any method may
            be called again. The runtime says so; a handler does not.
        method: The method that was called, `acme.billing.v1.BillingService/Charge`, of a status
            that a client raised; empty for one that was made in this process. A handler that lets
            such a status through fails as with any exception that it did not expect: what another
            service says, `NOT_FOUND` for example, is not about the handler's own call. CANCELLED,
            DEADLINE_EXCEEDED, UNAVAILABLE and RESOURCE_EXHAUSTED alone are passed on.
    """

    def __init__(
        self,
        code: Code,
        message: str = "",
        *,
        details: Sequence[Message] = (),
        unhandled: bool = False,
    ) -> None:
        """The arguments are the attributes.

        Raises:
            TypeError: An argument is of another type; the text says which.
        """
        if not isinstance(code, Code):
            raise TypeError(
                "the code of a StatusError is a protonats.Code, for example Code.NOT_FOUND, not"
                f" {code!r}"
            )
        if not isinstance(message, str):
            raise TypeError(f"the message of a StatusError is a str, not {type(message).__name__}")
        if isinstance(details, Message):
            raise TypeError(
                "the details of a StatusError are a sequence of protobuf messages, not"
                f" {type(details).__name__}"
            )
        super().__init__(f"{code.name}: {message}" if message else code.name)
        self.code = code
        self.message = message
        self.details = tuple(details)
        for detail in self.details:
            if not isinstance(detail, Message):
                raise TypeError(
                    "the details of a StatusError are a sequence of protobuf messages, and one is a"
                    f" {type(detail).__name__}"
                )
        self.unhandled = unhandled
        self.method = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # Whoever unpickles it may not know the types of its details.
        from protonats._wire import details

        packed = details.pack(self.code, self.message, self.details)
        state = {name: value for name, value in vars(self).items() if name not in _PACKED}
        return _restore, (type(self), packed), state


def _restore(kind: type[StatusError], packed: bytes) -> StatusError:
    from protonats._wire import details

    code, message, messages = details.unpack(packed)
    # A subclass may be made of other arguments.
    error = kind.__new__(kind)
    StatusError.__init__(error, Code(code), message, details=messages)
    return error


class ConfigurationError(ProtonatsError):
    """A setting is missing, malformed or contradicts another; the text says what to write."""


class ContractError(ProtonatsError):
    """Generated code and installed runtime do not fit together; the text says what to run."""
