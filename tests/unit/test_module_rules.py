"""Which Python modules schemas become; what is said about others is in the golden cases."""

from __future__ import annotations

from protoc_gen_nats.python_modules import PythonOptions
from protoc_gen_nats.rules.modules import check_modules


def test_names_that_differ_in_case_alone_are_one_file() -> None:
    (problem,) = check_modules(["acme/v1/Quest.proto", "acme/v1/quest.proto"])

    assert str(problem) == (
        "acme/v1/quest.proto: its Python module acme.v1.quest_pb2 would be that of"
        " acme/v1/Quest.proto where file names have no case: rename one of them"
    )


def test_a_package_of_ones_own_hides_nothing() -> None:
    paths = ["types/a.proto", "redis/b.proto"]

    assert len(list(check_modules(paths))) == 2
    assert list(check_modules(paths, PythonOptions(package_prefix="acme.gen"))) == []
    assert list(check_modules(paths, PythonOptions(imports="relative"))) == []
    assert len(list(check_modules(paths, PythonOptions(package_prefix="email")))) == 2


def test_a_folder_that_an_extra_hides_is_refused() -> None:
    (problem,) = check_modules(["grpc/helloworld.proto"])

    assert str(problem) == (
        "grpc/helloworld.proto: its Python module grpc.helloworld_pb2 would be in 'grpc', a name"
        " that extras of protonats install: rename the folder, or set package_prefix to a package"
        " of your own for all modules to be in"
    )


def test_a_schema_that_is_named_twice_is_one() -> None:
    assert list(check_modules(["acme/v1/quest.proto", "acme/v1/quest.proto"])) == []


def test_a_folder_that_the_tests_of_python_hide_is_refused() -> None:
    (problem,) = check_modules(["test/v1/test.proto"])

    assert str(problem).startswith(
        "test/v1/test.proto: its Python module test.v1.test_pb2 would be in 'test', a name of"
        " Python's standard library: rename the folder"
    )
