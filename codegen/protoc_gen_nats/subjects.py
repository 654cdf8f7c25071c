"""Subjects and the templates they are written with.

A template is a subject in which a token may be `{field}` or `{field.field}`, a value of the
request.
"""

from __future__ import annotations

import re

__all__ = [
    "captures",
    "listen_subject",
    "overlap",
    "parameters",
    "problem_of_pattern",
    "problem_of_template",
    "tokens",
]

_PARAMETER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\}")
_LITERAL = re.compile(r"[A-Za-z0-9_-]+")


def tokens(template: str) -> list[str]:
    """The tokens of a subject or template; dots inside braces do not separate."""
    if "{" not in template and "}" not in template:
        return template.split(".")
    parts, depth, start = [], 0, 0
    for index, char in enumerate(template):
        depth += (char == "{") - (char == "}")
        if char == "." and depth == 0:
            parts.append(template[start:index])
            start = index + 1
    return [*parts, template[start:]]


def parameters(template: str) -> tuple[str, ...]:
    """The fields that a template names, in order."""
    return tuple(token[1:-1] for token in tokens(template) if token.startswith("{"))


def listen_subject(template: str) -> str:
    """The subject that receives every value of a template: `*` in place of each parameter."""
    return ".".join("*" if token.startswith("{") else token for token in tokens(template))


def problem_of_template(template: str) -> str:
    """What is wrong with a template's form, or an empty text."""
    for token in tokens(template):
        if not token:
            return "has an empty token: write tokens separated by single dots"
        if token.startswith("{"):
            if not _PARAMETER.fullmatch(token):
                return f"has the parameter {token!r}: write {{field}} or {{field.field}}"
        elif not _LITERAL.fullmatch(token):
            return f"has the token {token!r}: write letters, digits, `_` and `-`"
        elif token.startswith("_"):
            return f"has the token {token!r}: tokens that begin with `_` belong to the protocol"
    return ""


def problem_of_pattern(pattern: str) -> str:
    """What is wrong with a subject in which `*` and a last `>` are wildcards, or an empty text."""
    parts = tokens(pattern)
    for index, token in enumerate(parts):
        if not token:
            return "has an empty token: write tokens separated by single dots"
        if token == ">" and index < len(parts) - 1:
            return "has `>` before its end: write `>` as the last token only"
        if token not in ("*", ">") and not _LITERAL.fullmatch(token):
            return f"has the token {token!r}: write letters, digits, `_` and `-`, or a wildcard"
    return ""


def captures(pattern: str, subject: str) -> bool:
    """Whether all that `subject` can match, `*` and `>` included, also matches `pattern`."""
    wide, narrow = tokens(pattern), tokens(subject)
    for index, token in enumerate(wide):
        if token == ">":
            return len(narrow) > index
        if index >= len(narrow) or narrow[index] == ">":
            return False
        if token not in ("*", narrow[index]):
            return False
    return len(wide) == len(narrow)


def overlap(one: str, other: str) -> bool:
    """Whether some subject matches both patterns."""
    left, right = tokens(one), tokens(other)
    for index in range(max(len(left), len(right))):
        if index >= len(left) or index >= len(right):
            return False
        if ">" in (left[index], right[index]):
            return True
        if left[index] != right[index] and "*" not in (left[index], right[index]):
            return False
    return True
