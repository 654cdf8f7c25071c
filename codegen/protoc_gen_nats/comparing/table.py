"""The rules of `protonats breaking`, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protoc_gen_nats.errors import Severity

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One kind of change."""

    name: str
    group: str
    """What it is about: `messages`, `json`, `calls`, `events`, `deployment` or `permissions`."""

    summary: str
    severity: Severity = Severity.ERROR
    """A warning is for those who roll the change out: it breaks nothing by itself."""


_MESSAGES = {
    "PACKAGE_CHANGED": "A file has another package: all that it declares has another name.",
    "PACKAGE_REMOVED": "A package without services and events is gone.",
    "MESSAGE_REMOVED": "A message is gone.",
    "ENUM_REMOVED": "An enum is gone.",
    "FIELD_REMOVED": "A field is gone, and its number is not reserved.",
    "FIELD_TYPE_CHANGED": "A field has a type that is written differently.",
    "FIELD_CARDINALITY_CHANGED": "A field became repeated, required or a map, or no longer is.",
    "FIELD_ONEOF_CHANGED": "A field went into a oneof, out of one, or into another.",
    "FIELD_DEFAULT_CHANGED": "A field has another default value.",
    "FIELD_REQUIRED_CHANGED": "A required field is new or gone.",
    "RESERVED_REMOVED": "Numbers or names are no longer reserved.",
    "ENUM_VALUE_REMOVED": "A value of an enum is gone, and its number is not reserved.",
}
_JSON = {
    "FIELD_NAME_CHANGED": "A field has another name, or another name in JSON.",
    "FIELD_NAME_FREED": "A field is gone, and its name is not reserved.",
    "FIELD_JSON_TYPE_CHANGED": "A field has a type that JSON writes differently.",
    "ENUM_VALUE_NAME_CHANGED": "A value of an enum has another name.",
    "ENUM_VALUE_NAME_FREED": "A value of an enum is gone, and its name is not reserved.",
}
_CALLS = {
    "SERVICE_REMOVED": "A service is gone.",
    "METHOD_REMOVED": "A method is gone.",
    "METHOD_KIND_CHANGED": "Another side of a method streams.",
    "METHOD_REQUEST_CHANGED": "A method takes another message.",
    "METHOD_RESPONSE_CHANGED": "A method gives another message.",
    "SUBJECT_CHANGED": "A method is reached at another subject.",
    "HTTP_ROUTE_CHANGED": "A method lost an HTTP route, or the route has another body.",
    "DOMAIN_CHANGED": "A service has another domain: other subjects, another queue group.",
    "DISCOVERY_NAME_CHANGED": "A service has another name in discovery.",
    "TIMEOUT_LOWERED": "Calls that name no time-out have less time.",
    "IDEMPOTENCY_LOWERED": "A method may no longer be handled twice, or has side effects now.",
    "RETRIES_LOWERED": "A failed call is made fewer times, or an attempt has less time.",
    "KEY_REQUIRED": "Calls without an idempotency key are refused now.",
    "KEYS_DROPPED": "Idempotency keys no longer protect a call, or not for as long.",
    "LIMIT_LOWERED": "An instance runs fewer calls at once, and refuses the others.",
}
_CALLS_TO_KNOW = {
    "RETRIES_CHANGED": "A failed call is made more times, or after other pauses.",
}
_EVENTS = {
    "EVENT_REMOVED": "An event is gone, or is no event any more.",
    "EVENT_SUBJECT_CHANGED": "An event is published on another subject.",
    "EVENT_KEY_CHANGED": "The last token of an event's subject is another field, or gone, or new.",
    "EVENT_DURABILITY_LOWERED": "Nothing stores an event any more.",
    "EVENT_STREAM_CHANGED": "Another stream stores an event.",
}
_DEPLOYMENT = {
    "CONSUMER_REMOVED": "A durable consumer is gone or has another name: its position is lost.",
    "CONSUMER_EVENT_REMOVED": "A consumer no longer receives an event.",
    "STREAM_REMOVED": "A stream is gone, and what it stores.",
    "STREAM_SUBJECT_REMOVED": "A stream no longer captures some subject.",
    "STREAM_RETENTION_CHANGED": "A stream keeps messages by another rule.",
    "STREAM_LIMIT_LOWERED": "A stream keeps messages, or recognizes repeated ones, for less time,"
    " or refuses large ones.",
    "BUCKET_REMOVED": "A key-value bucket is gone, and what it holds.",
    "BUCKET_LIMIT_LOWERED": "A key-value bucket keeps fewer revisions, or values for less time.",
}
_DEPLOYMENT_TO_KNOW = {
    "CONSUMER_LIMIT_LOWERED": "A consumer gets an event fewer times, or again sooner.",
}
_PERMISSIONS = {
    "CALL_REMOVED": "A service loses the permission to call.",
    "PUBLISH_REMOVED": "A service loses the permission to publish an event.",
}
_PERMISSIONS_TO_ADD = {
    "CALL_ADDED": "A service needs the permission to call before it is rolled out.",
    "PUBLISH_ADDED": "A service needs the permission to publish before it is rolled out.",
    "CONSUMER_ADDED": "A consumer has to be created before its service is rolled out.",
}

RULES: Mapping[str, Rule] = {
    name: Rule(name=name, group=group, summary=summary, severity=severity)
    for group, severity, rules in (
        ("messages", Severity.ERROR, _MESSAGES),
        ("json", Severity.ERROR, _JSON),
        ("calls", Severity.ERROR, _CALLS),
        ("calls", Severity.WARNING, _CALLS_TO_KNOW),
        ("events", Severity.ERROR, _EVENTS),
        ("deployment", Severity.ERROR, _DEPLOYMENT),
        ("deployment", Severity.WARNING, _DEPLOYMENT_TO_KNOW),
        ("permissions", Severity.ERROR, _PERMISSIONS),
        ("permissions", Severity.WARNING, _PERMISSIONS_TO_ADD),
    )
    for name, summary in rules.items()
}
"""Every rule, in the order in which they are listed."""
