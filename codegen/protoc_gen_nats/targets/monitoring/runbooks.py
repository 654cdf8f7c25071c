"""`docs/runbooks/<alert>.md`: what a person who is told does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from protoc_gen_nats.targets.monitoring.alert import Alert, Step

__all__ = ["page"]


def page(name: str, alerts: Mapping[str, Sequence[Alert]], deployment: str) -> bytes:
    """The page of an alert.

    Args:
        name: The alert.
        alerts: Its rules, by environment.
        deployment: What the names of everything in the cloud begin with.
    """
    first = next(iter(alerts.values()))[0]
    runbook = first.runbook
    lines = [
        f"# {name}",
        "",
        runbook.meaning,
        "",
        f"**What users notice.** {runbook.users}",
        "",
        "## Look",
        "",
        *_steps(runbook.look),
        "## Mend",
        "",
        *(f"- {text}" for text in runbook.mend),
        "",
        "## Close",
        "",
        runbook.close,
        "",
        "## When it comes",
        "",
        "| environment | severity | for |",
        "|---|---|---|",
        *(
            f"| {environment} | {_severity(alert)} | {alert.lasts or 'at once'} |"
            for environment, rules in alerts.items()
            for alert in rules
        ),
        "",
        *_expressions(alerts),
    ]
    return "\n".join(lines).replace("PREFIX", f"{deployment}-ENVIRONMENT").encode()


def _severity(alert: Alert) -> str:
    labels = "".join(f", {key} {value}" for key, value in alert.labels.items())
    return f"{alert.severity}{labels}"


def _steps(steps: Iterable[Step]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        yield f"{number}. {step.text}"
        yield ""
        if step.command:
            yield from _block("sh", step.command)
        if step.query:
            yield from _block("promql", step.query)


def _expressions(alerts: Mapping[str, Sequence[Alert]]) -> Iterator[str]:
    """Each expression once, with the environments that have it."""
    found: dict[str, list[str]] = {}
    for environment, rules in alerts.items():
        for alert in rules:
            found.setdefault(alert.expr, []).append(environment)
    for expr, environments in found.items():
        yield f"In {', '.join(environments)}:"
        yield ""
        yield from _block("promql", expr, indent="")


def _block(language: str, text: str, indent: str = "   ") -> Iterator[str]:
    yield f"{indent}```{language}"
    yield from (f"{indent}{line}" for line in text.splitlines())
    yield f"{indent}```"
    yield ""
