"""What services and methods are called where no option says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protoc_gen_nats.building.defaults import default_domain, default_name, default_operation
from protoc_gen_nats.naming import NATS_NAME
from protoc_gen_nats.subjects import problem_of_template

IDENTIFIERS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("package", "service", "domain"),
    [
        ("acme.quest.v1", "QuestService", "acme.quest"),
        ("acme.quest.v1", "AdminService", "acme.quest.admin"),
        ("acme.questlog.v1", "QuestLogService", "acme.questlog"),
        ("acme.Quest", "Quest", "acme.Quest"),
        ("helloworld", "Greeter", "helloworld.greeter"),
        ("", "Greeter", "greeter"),
        ("v3", "Greeter", "greeter"),
        ("_acme._", "_Service", "acme.x.service"),
    ],
)
def test_domains(package: str, service: str, domain: str) -> None:
    assert default_domain(package, service) == domain


@given(st.lists(IDENTIFIERS, max_size=3), IDENTIFIERS)
def test_whatever_names_there_are_the_defaults_are_allowed(parts: list[str], name: str) -> None:
    assert problem_of_template(default_domain(".".join(parts), name)) == ""
    assert problem_of_template(default_operation(name)) == ""
    assert NATS_NAME.fullmatch(default_name(name))
