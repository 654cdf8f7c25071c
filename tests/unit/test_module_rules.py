"""Which Python modules schemas become; what is said about others is in the golden cases."""

from __future__ import annotations

from protoc_gen_nats.rules.modules import check_modules


def test_names_that_differ_in_case_alone_are_one_file() -> None:
    (problem,) = check_modules(["acme/v1/Quest.proto", "acme/v1/quest.proto"])

    assert str(problem) == (
        "acme/v1/quest.proto: its Python module acme.v1.quest_pb2 would be that of"
        " acme/v1/Quest.proto where file names have no case: rename one of them"
    )


def test_a_schema_that_is_named_twice_is_one() -> None:
    assert list(check_modules(["acme/v1/quest.proto", "acme/v1/quest.proto"])) == []
