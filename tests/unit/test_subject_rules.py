"""Subjects that two methods or events would share, among any number of them."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from protoc_gen_nats import subjects
from protoc_gen_nats.errors import Place
from protoc_gen_nats.model import Event, File, Schema, TypeRef
from protoc_gen_nats.rules.schema_set import check_subjects

TOKENS = st.sampled_from(["a", "b", "c"])
EVENTS = st.lists(
    st.tuples(st.lists(TOKENS, min_size=1, max_size=3).map(".".join), st.booleans()), max_size=12
)


def schema(events: list[tuple[str, bool]]) -> Schema:
    """A schema of events with some subjects, of which some have a key behind it."""
    found = [
        Event(
            ref=TypeRef(full_name=f"acme.E{index}", module="acme_pb2", qualname=f"E{index}"),
            name=f"E{index}",
            subject=subject,
            key_field="id" if keyed else None,
            durable=True,
            comment="",
            place=Place("acme.proto", index + 1, 1),
        )
        for index, (subject, keyed) in enumerate(events)
    ]
    return replace(EMPTY, files=(replace(EMPTY.files[0], events=tuple(found)),))


EMPTY = Schema(
    files=(
        File(
            path="acme.proto",
            module="acme_pb2",
            nats_module="acme_nats",
            public_imports=(),
            messages=(),
            enums=(),
            services=(),
            extensions=(),
            events=(),
        ),
    )
)


@settings(deadline=None)
@given(EVENTS)
def test_each_overlapping_pair_is_found_once(events: list[tuple[str, bool]]) -> None:
    built = schema(events)
    expected = sorted(
        (other.place, one.ref.full_name, other.ref.full_name)
        for one, other in combinations(built.files[0].events, 2)
        if subjects.overlap(one.filter_subject, other.filter_subject)
    )

    found = []
    for problem in check_subjects(built):
        names = re.findall(r"event (\S+?):? ", problem.text)
        found.append((problem.place, names[1], names[0]))
    assert sorted(found) == expected


def test_ten_thousand_subjects_with_parameters_are_compared_in_no_time() -> None:
    """Each with each would be fifty million comparisons: minutes."""
    events = [(f"svc.s{index}.v1.get", True) for index in range(10_000)]

    assert list(check_subjects(schema(events))) == []
