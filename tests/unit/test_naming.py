"""Names: from the schema's to Python's and to subjects."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protoc_gen_nats.naming import (
    NATS_NAME,
    PackageVersion,
    class_stem,
    escape,
    escape_nested,
    handler_name,
    implementation_package,
    member_name,
    module_of,
    publisher_name,
    snake_case,
    stub_module,
    version_of_package,
)

IDENTIFIERS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
KEYWORD_LIKE = st.builds(
    lambda word, tail: word + "_" * tail, st.sampled_from(keyword.kwlist), st.integers(0, 3)
)
NAMES = st.one_of(IDENTIFIERS, KEYWORD_LIKE)


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("GenerateQuest", "generate_quest"),
        ("GetHTTPStatus", "get_http_status"),
        ("GetURL", "get_url"),
        ("generate_quest", "generate_quest"),
        ("Generate_Quest", "generate_quest"),
        ("V2Thing", "v2_thing"),
        ("Thing2D", "thing2_d"),
        ("A", "a"),
        ("_Hidden", "_hidden"),
        ("__", "__"),
    ],
)
def test_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


@given(IDENTIFIERS)
def test_snake_case_gives_an_identifier_in_lower_case(name: str) -> None:
    snake = snake_case(name)

    assert snake.isidentifier()
    assert snake == snake.lower()
    assert snake_case(snake) == snake


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("class", "class_"), ("class_", "class__"), ("None", "None_"), ("quest", "quest"), ("_", "_")],
)
def test_escape(name: str, escaped: str) -> None:
    assert escape(name) == escaped


@given(NAMES, NAMES)
def test_escape_makes_no_two_names_equal(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("Clear", "Clear_"), ("Clear_", "Clear__"), ("class", "class_"), ("Quest", "Quest")],
)
def test_types_in_messages_are_not_called_like_their_members(name: str, escaped: str) -> None:
    assert escape_nested(name) == escaped


@pytest.mark.parametrize(
    ("service", "stem"), [("Quest", "Quest"), ("_Quest", "_Quest"), ("__Quest", "Rpc__Quest")]
)
def test_classes_of_services(service: str, stem: str) -> None:
    assert class_stem(service) == stem


@given(NAMES)
def test_escape_gives_a_name_that_python_can_write(name: str) -> None:
    assert escape(name).isidentifier()
    assert not keyword.iskeyword(escape(name))


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("GenerateQuest", "generate_quest"),
        ("Class", "class_"),
        ("_Hidden", "rpc_hidden"),
        ("Float", "float_"),
        ("Protonats", "protonats_"),
        ("QuestPb2", "quest_pb2_"),
        ("Match", "match"),
        ("Abstractmethod", "abstractmethod_"),
        ("__", "rpc__"),
    ],
)
def test_member_name(name: str, member: str) -> None:
    assert member_name(name) == member


@given(IDENTIFIERS)
def test_a_member_never_begins_as_the_runtimes_own(name: str) -> None:
    assert not member_name(name).startswith("_")
    assert not keyword.iskeyword(member_name(name))


def test_modules() -> None:
    assert module_of("acme/da-shes/v1/quest.proto") == "acme.da_shes.v1.quest_pb2"
    assert module_of("quest.proto") == "quest_pb2"
    assert stub_module("acme/v1/quest.proto") == "acme.v1.quest_nats"


def test_names_of_events() -> None:
    assert handler_name("QuestGenerated") == "on_quest_generated"
    assert publisher_name("QuestGenerated") == "publish_quest_generated"
    assert handler_name("_Hidden") == "on_hidden"


@pytest.mark.parametrize(
    ("service", "version", "package"),
    [
        ("quest", "v1", "quest"),
        ("quest-log", "v1", "quest_log"),
        ("quest", "v2", "quest_v2"),
        ("quest", "v1beta1", "quest_v1beta1"),
        ("class", "v1", "class_"),
        ("class", "v2", "class_v2"),
        ("3d", "v1", "_3d"),
    ],
)
def test_packages_of_implementations(service: str, version: str, package: str) -> None:
    assert implementation_package(service, version) == package


@given(st.from_regex(NATS_NAME, fullmatch=True), st.sampled_from(["v1", "v2", "v3alpha1"]))
def test_every_legal_service_name_gives_a_package(service: str, version: str) -> None:
    package = implementation_package(service, version)

    assert package.isidentifier()
    assert not keyword.iskeyword(package)


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("acme.billing.v2", PackageVersion("acme.billing", "v2", 2, "")),
        ("acme.billing.v2beta1", PackageVersion("acme.billing", "v2beta1", 2, "beta1")),
        ("acme.billing", PackageVersion("acme.billing", "v1", 1, "")),
        ("acme.v0", PackageVersion("acme.v0", "v1", 1, "")),
        ("v3", PackageVersion("", "v3", 3, "")),
        ("", PackageVersion("", "v1", 1, "")),
    ],
)
def test_version_of_package(package: str, version: PackageVersion) -> None:
    assert version_of_package(package) == version
