"""Own rules: what is generated follows them, and they see whatever does not."""

from __future__ import annotations

import pytest

from tests.platform.ecs.definitions import ENVIRONMENTS, all_of, named
from tests.platform.ecs.service_rules import SERVICE_RULES, problems_of
from tests.platform.ecs.task_rules import TASK_RULES, Rule, one_essential_container
from tests.platform.ecs.twins import OF_RULES, Break

TWINS = [
    pytest.param(rule, apply, id=f"{rule.__name__}-{number}")
    for rule, breaks in OF_RULES.items()
    for number, apply in enumerate(breaks)
]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_is_generated_follows_the_rules(environment: str) -> None:
    found = {one.name: wrong for one in all_of(environment) if (wrong := problems_of(one))}

    assert found == {}


@pytest.mark.parametrize(("rule", "apply"), TWINS)
def test_what_breaks_a_rule_is_seen(rule: Rule, apply: Break) -> None:
    definition = named("production", "event_bus").copy()
    assert [*rule(definition)] == []

    apply(definition)

    assert [*rule(definition)] != []
    assert problems_of(definition) != []


def test_every_rule_has_something_that_breaks_it() -> None:
    assert OF_RULES.keys() == {one_essential_container, *TASK_RULES, *SERVICE_RULES}


@pytest.mark.parametrize(
    ("environment", "tasks"), [("dev", 22), ("staging", 44), ("production", 44)]
)
def test_there_are_as_many_tasks_as_there_shall_be(environment: str, tasks: int) -> None:
    found = {one.name: one for one in all_of(environment)}
    counts = {name: one.service["desiredCount"] for name, one in found.items() if one.service}
    gateway = counts.pop("gateway")

    assert (len(counts), sum(counts.values())) == (22, tasks)
    assert gateway == (3 if environment == "production" else min(counts.values()))
    assert found.keys() - counts.keys() == {"gateway", "operator", "tools"}
