"""Subjects and templates, as the generator compares them."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protoc_gen_nats.subjects import (
    captures,
    listen_subject,
    overlap,
    parameters,
    problem_of_pattern,
    problem_of_template,
    tokens,
)

LITERALS = ("a", "b")
PATTERNS = st.builds(
    lambda head, last: ".".join([*head, last]),
    st.lists(st.sampled_from([*LITERALS, "*"]), max_size=3),
    st.sampled_from([*LITERALS, "*", ">"]),
)
SUBJECTS = [".".join(parts) for size in range(1, 7) for parts in product(LITERALS, repeat=size)]
many = settings(max_examples=300, deadline=None)


def matches(pattern: str, subject: str) -> bool:
    """What NATS does: `*` is one token, a last `>` is one or more."""
    wanted, given_tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        if len(given_tokens) < len(wanted):
            return False
        wanted, given_tokens = wanted[:-1], given_tokens[: len(wanted) - 1]
    return len(wanted) == len(given_tokens) and all(
        want in ("*", have) for want, have in zip(wanted, given_tokens, strict=True)
    )


@many
@given(PATTERNS, PATTERNS)
def test_overlap_is_that_some_subject_matches_both(one: str, other: str) -> None:
    assert overlap(one, other) == any(matches(one, s) and matches(other, s) for s in SUBJECTS)


@many
@given(PATTERNS, PATTERNS)
def test_captures_is_that_every_subject_of_the_one_matches_the_other(
    wide: str, narrow: str
) -> None:
    # A token that neither pattern names stands for all that they do not.
    subjects = [
        ".".join(parts) for size in range(1, 6) for parts in product((*LITERALS, "c"), repeat=size)
    ]
    assert captures(wide, narrow) == all(matches(wide, s) for s in subjects if matches(narrow, s))


@given(PATTERNS, PATTERNS)
def test_laws(one: str, other: str) -> None:
    assert overlap(one, other) == overlap(other, one)
    assert captures(one, one)
    assert overlap(one, one)
    if captures(one, other):
        assert overlap(one, other)
    if captures(one, other) and captures(other, one):
        assert one == other


def test_templates() -> None:
    template = "svc.world.v1.get.{world_id}.{place.x}"

    assert tokens(template) == ["svc", "world", "v1", "get", "{world_id}", "{place.x}"]
    assert parameters(template) == ("world_id", "place.x")
    assert listen_subject(template) == "svc.world.v1.get.*.*"
    assert problem_of_template(template) == ""


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("", "has an empty token: write tokens separated by single dots"),
        ("a..b", "has an empty token: write tokens separated by single dots"),
        ("a.*", "has the token '*': write letters, digits, `_` and `-`"),
        ("a.>", "has the token '>': write letters, digits, `_` and `-`"),
        ("a.b c", "has the token 'b c': write letters, digits, `_` and `-`"),
        ("a._i", "has the token '_i': tokens that begin with `_` belong to the protocol"),
        ("a.{", "has the parameter '{': write {field} or {field.field}"),
        ("a.{b c}", "has the parameter '{b c}': write {field} or {field.field}"),
        ("a.{b}c", "has the parameter '{b}c': write {field} or {field.field}"),
        ("a.{b.}", "has the parameter '{b.}': write {field} or {field.field}"),
        ("a.b}", "has the token 'b}': write letters, digits, `_` and `-`"),
        ("a.}b.c", "has the token '}b.c': write letters, digits, `_` and `-`"),
    ],
)
def test_problems_of_templates(template: str, problem: str) -> None:
    assert problem_of_template(template) == problem


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("evt.>", ""),
        ("evt.*.made", ""),
        (">", ""),
        ("evt..made", "has an empty token: write tokens separated by single dots"),
        ("evt.>.made", "has `>` before its end: write `>` as the last token only"),
        ("evt.m*", "has the token 'm*': write letters, digits, `_` and `-`, or a wildcard"),
    ],
)
def test_problems_of_patterns(pattern: str, problem: str) -> None:
    assert problem_of_pattern(pattern) == problem


@given(st.text("ab.{}*> _-", max_size=12))
def test_a_template_without_a_problem_is_a_subject_to_listen_on(template: str) -> None:
    if not problem_of_template(template):
        assert problem_of_pattern(listen_subject(template)) == ""
        assert len(tokens(template)) == len(listen_subject(template).split("."))
