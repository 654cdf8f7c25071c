"""What the chain changes in the generated files, and that it changes nothing else."""

from __future__ import annotations

from typing import Any

import yaml

from tests.platform.monitoring.quick_rules import FOLDER, RULE_FILES, hastened


def without_waiting(text: str) -> Any:
    content = yaml.safe_load(text)
    for group in content["groups"]:
        del group["interval"]
        for rule in group["rules"]:
            rule.pop("for", None)
    return content


def test_rules_are_quick_and_the_same() -> None:
    for name in RULE_FILES:
        text = (FOLDER / name).read_text()
        assert without_waiting(hastened(text)) == without_waiting(text)
        for group in yaml.safe_load(hastened(text))["groups"]:
            waits = {rule.get("for", "1s") for rule in group["rules"]}
            assert waits | {group["interval"]} == {"1s"}
