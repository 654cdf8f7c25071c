"""After any edits, a run that knows of earlier ones says what one says that knows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.project.project import Project, Rendered
from protoc_gen_nats.targets.catalogue import context, links
from tests.projects import TestProject

SCHEMAS = 4
NUMBERS = st.integers(0, SCHEMAS - 1)
MANIFESTS = (
    "version: 1\nstreams: {EVENTS: {subjects: [evt.>, dlq.>]}}\n",
    "version: 1\nstreams: {EVENTS: {subjects: [evt.>, dlq.>]}}\npython: {imports: relative}\n",
    "version: 1\nstreams: {OTHERS: {subjects: [evt.>, dlq.>]}}\n"
    "buckets: {defaults: {replicas: 3}}\n",
)


@dataclass(frozen=True)
class Draft:
    """A schema that may be right or wrong."""

    fields: int
    methods: int
    imports: frozenset[int]
    calls: frozenset[int]
    consumes: frozenset[int]
    event: str
    services: int
    shared: bool
    broken: bool

    def text(self, number: int) -> Iterator[str]:
        """The schema with a number."""
        imports = sorted(self.imports - {number})
        yield 'syntax = "proto3";'
        yield f"package acme.s{number}.v1;"
        yield 'import "protonats/v1/options.proto";'
        yield from (f'import "s{other}.proto";' for other in imports)
        for service in range(self.services):
            yield f"// Speaks of {self.fields}."
            yield f"service Part{number}x{service}Service {{"
            calls = [f'"acme.s{other}.v1.Part{other}x0Service"' for other in self.calls - {number}]
            events = [f'"acme.s{other}.v1.Done"' for other in sorted(self.consumes - {number})]
            yield f"option (protonats.v1.service) = {{calls: [{', '.join(sorted(calls))}]"
            if events and not service:
                yield f', consumes: {{durable: "d{number}", events: [{", ".join(events)}]}}'
            yield "};"
            for method in range(self.methods):
                yield f"rpc Do{method}(Thing) returns (Thing);"
            yield "}"
        yield "message Thing {"
        yield from (f"string field_{field} = {field + 1};" for field in range(self.fields))
        yield from (f"acme.s{other}.v1.Thing of_{other} = {other + 50};" for other in imports)
        yield "}"
        if self.event:
            option = f'option (protonats.v1.event) = {{subject: "evt.{self.event}.done.v1"}};'
            yield f"message Done {{ {option} Thing thing = 1; }}"
        if self.shared:
            # The same name for all who have it.
            yield "extend google.protobuf.FieldOptions { string note = 50001; }"
            yield 'import "google/protobuf/descriptor.proto";'
        if self.broken:
            yield "message {"


DRAFTS = st.builds(
    Draft,
    fields=st.integers(0, 3),
    methods=st.integers(0, 2),
    imports=st.frozensets(NUMBERS, max_size=2),
    calls=st.frozensets(NUMBERS, max_size=2),
    consumes=st.frozensets(NUMBERS, max_size=1),
    event=st.sampled_from(["", "a", "b", "c"]),
    services=st.integers(0, 2),
    shared=st.integers(0, 7).map(lambda one: one == 0),
    broken=st.integers(0, 15).map(lambda one: one == 0),
)


def sound(number: int, fields: int = 1, methods: int = 1, word: str = "e") -> Draft:
    """A schema that is right by itself. It calls the one before and consumes its event, and every
    second one has its types too."""
    before = frozenset({number - 1} if number else ())
    imports = before if number % 2 == 0 else frozenset[int]()
    return Draft(
        fields, methods, imports, before, before, f"{word}{number}", 1, shared=False, broken=False
    )


SOUND = NUMBERS.flatmap(
    lambda number: st.tuples(
        st.just(number),
        st.builds(
            sound, st.just(number), st.integers(0, 3), st.integers(1, 3), st.sampled_from("ef")
        ),
    )
)
EDITS = st.one_of(
    SOUND,
    SOUND,
    st.tuples(NUMBERS, DRAFTS),
    st.tuples(NUMBERS, st.none()),
    st.tuples(st.none(), st.sampled_from(MANIFESTS)),
)


@settings(max_examples=8, derandomize=True)
@given(edits=st.lists(EDITS, min_size=4, max_size=6))
def test_kept_results_are_those_of_a_run_that_knows_nothing(
    edits: list[tuple[int | None, Draft | str | None]],
) -> None:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        # Few schemas are many here, so that the parts of documents are kept apart.
        patch.setattr(context, "_LARGE", 1)
        patch.setattr(links, "_MOST_USING", 2)
        root = Path(folder, "project")
        project = TestProject(root)
        for path in (root / "proto").rglob("*.proto"):
            path.unlink()
        project.write("protonats.yaml", MANIFESTS[0])
        for number in range(SCHEMAS):
            edit(project, number, sound(number))
        for place, change in [(None, MANIFESTS[0]), *edits]:
            edit(project, place, change)
            with patch.context() as inner:
                inner.setenv("XDG_CACHE_HOME", str(Path(folder, "cache")))
                found = rendered(project)
                if isinstance(found, Rendered):
                    Project(root).write(found)
            with patch.context() as inner, TemporaryDirectory() as empty:
                inner.setenv("XDG_CACHE_HOME", empty)
                assert found == rendered(project)


def edit(project: TestProject, number: int | None, change: Draft | str | None) -> None:
    if number is None:
        assert isinstance(change, str)
        project.write("protonats.yaml", change)
    elif isinstance(change, Draft):
        project.write(f"proto/s{number}.proto", "\n".join(change.text(number)) + "\n")
    else:
        (project.root / f"proto/s{number}.proto").unlink(missing_ok=True)


def rendered(project: TestProject) -> Rendered | str:
    """All that a project turns into, or what is wrong with it."""
    try:
        return Project(project.root).render()
    except UserError as error:
        return str(error)
