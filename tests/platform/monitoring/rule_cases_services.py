"""Alerts about services, what they promise, and what watches them, firing and quiet."""

from __future__ import annotations

from tests.platform.monitoring.rule_series import (
    AUTH,
    CREATE,
    EXPORTER,
    GENERATE,
    INFER,
    INFERENCE,
    PAYMENT,
    PROCESS,
    QUEST,
    Case,
    always,
    handled,
    known,
    mean,
    took,
)

__all__ = ["MONITORING", "OBJECTIVES", "SERVICES"]

CALL = {"service": QUEST, "method": "GenerateQuest"}
LONG = 'service="acme.v1.Slow",method="Wait"'
TIME_OUT = f"method:time_out_seconds{{{LONG}}}"
TARGET = {"job": "services", "app": "quest", "instance": "10.0.0.1:8080"}

SERVICES = (
    Case(
        alert="ServiceDown",
        fires=always("protonats_platform_service_instances", "2 2 0+0x30", service=QUEST),
        quiet=always("protonats_platform_service_instances", 1, service=QUEST),
        labels={"severity": "critical", "service": QUEST},
        summary=f"No instance of {QUEST} answers",
        description=(
            f"Nobody serves {QUEST}: every call fails with UNAVAILABLE, and its events wait."
        ),
    ),
    Case(
        alert="ErrorShareHigh",
        fires=handled(GENERATE, OK="0+90x30", INTERNAL="0+10x30"),
        # What callers do wrong is no fault of the service.
        quiet=handled(GENERATE, OK="0+98x30", INTERNAL="0+2x30", NOT_FOUND="0+50x30"),
        at="12m",
        labels={"severity": "critical", "service": QUEST},
        summary=f"Calls of {QUEST} fail",
        description=f"10% of the calls of {QUEST} fail by its own fault; 5 % may.",
    ),
    Case(
        alert="LatencyHigh",
        fires=took(GENERATE, ("1.0", 90), ("2.5", 100), ("+Inf", 100)),
        quiet=took(GENERATE, ("0.5", 99), ("1.0", 100), ("+Inf", 100)),
        at="17m",
        labels={"severity": "warning", **CALL},
        summary=f"{QUEST}/GenerateQuest is slow",
        description=(
            f"One in a hundred calls of {QUEST}/GenerateQuest takes more than 2.35s; 1 s are"
            " fine."
        ),
    ),
    Case(
        alert="DeadlineBudgetSpent",
        fires=took(GENERATE, ("1.0", 50), ("2.5", 90), ("5.0", 100), ("+Inf", 100)),
        quiet=took(GENERATE, ("1.0", 50), ("2.5", 100), ("5.0", 100), ("+Inf", 100)),
        at="17m",
        labels={"severity": "warning", **CALL},
        summary=f"{QUEST}/GenerateQuest is close to its time-out",
        description=(
            f"Calls of {QUEST}/GenerateQuest use 95% of the time-out that the schema gives"
            " them: a little slower, and they fail."
        ),
    ),
    Case(
        alert="DeadlineBudgetSpent",
        what="of a long time-out",
        fires=took(INFER, ("10.0", 80), ("30.0", 100), ("+Inf", 100)),
        quiet=took(INFER, ("10.0", 100), ("30.0", 100), ("+Inf", 100)),
        at="17m",
        labels={"severity": "warning", "service": INFERENCE, "method": "Infer"},
        summary=f"{INFERENCE}/Infer is close to its time-out",
        description=(
            f"Calls of {INFERENCE}/Infer use 96.67% of the time-out that the schema gives them: a"
            " little slower, and they fail."
        ),
    ),
    Case(
        alert="DeadlineBudgetSpent",
        what="of one that no bucket is as long as",
        fires={**mean(LONG, 81), TIME_OUT: "90+0x90"},
        quiet={**mean(LONG, 60), TIME_OUT: "90+0x90"},
        at="17m",
        labels={"severity": "warning", "service": "acme.v1.Slow", "method": "Wait"},
        summary="acme.v1.Slow/Wait is close to its time-out",
        description=(
            "Calls of acme.v1.Slow/Wait use 90% of the time-out that the schema gives them: a"
            " little slower, and they fail."
        ),
    ),
    Case(
        alert="CallsRefused",
        fires=always("protonats_server_refused_total", "0+60x30", **CALL, reason="full"),
        quiet=always("protonats_server_refused_total", 5, **CALL, reason="full"),
        at="8m",
        labels={"severity": "warning", **CALL, "reason": "full"},
        summary=f"{QUEST}/GenerateQuest refuses calls (full)",
        description=(
            f"1 calls a second of {QUEST}/GenerateQuest are answered before they begin, with"
            " the reason full."
        ),
    ),
    Case(
        alert="BreakerOpen",
        fires=always("protonats_client_breaker_state", 2, app="orchestration", **CALL),
        quiet=always("protonats_client_breaker_state", 1, app="orchestration", **CALL),
        labels={"severity": "warning", "app": "orchestration", **CALL},
        summary=f"orchestration has stopped calling {QUEST}/GenerateQuest",
        description=(
            f"Half of the calls from orchestration to {QUEST}/GenerateQuest failed, so its"
            " circuit breaker is open: calls fail at once."
        ),
    ),
    Case(
        alert="EventLoopBlocked",
        fires=always("protonats_loop_blocked_total", "0+2x30", app="quest", handler="Generate"),
        quiet=always("protonats_loop_blocked_total", "1 1 2+0x30", app="quest", handler="Generate"),
        at="10m",
        labels={"severity": "warning", "app": "quest", "handler": "Generate"},
        summary="Generate holds up everything else in quest",
        description=(
            "Generate kept the event loop of quest from running anything else 20 times in ten"
            " minutes."
        ),
    ),
    Case(
        alert="OutboxStuck",
        fires=always("protonats_outbox_oldest_seconds", "30+60x30", app="payment", outbox="money"),
        quiet=always("protonats_outbox_oldest_seconds", 20, app="payment", outbox="money"),
        at="6m",
        labels={"severity": "critical", "app": "payment", "outbox": "money"},
        summary="Events wait in the outbox money",
        description=(
            "The oldest event in the outbox money of payment waits for 6m 30s: its stream"
            " does not take it, or nobody relays."
        ),
    ),
)

MONITORING = (
    Case(
        alert="ExporterDown",
        fires=always("up", "1 1 0+0x30", job="exporter"),
        quiet=EXPORTER,
        labels={"severity": "critical"},
        summary="The exporter does not answer",
        description="Nothing is known of NATS, streams, consumers and Redis: no alert would come.",
    ),
    Case(
        alert="ExporterDown",
        what="and it is no target any more",
        fires=always("up", "1 1 stale", job="exporter"),
        quiet=EXPORTER,
        labels={"severity": "critical"},
        summary="The exporter does not answer",
        description="Nothing is known of NATS, streams, consumers and Redis: no alert would come.",
    ),
    Case(
        alert="ExporterBlind",
        fires=known(22, redis=0),
        quiet=known(22, redis=1),
        at="8m",
        labels={"severity": "warning", "source": "redis"},
        summary="The exporter does not see all it should",
        description="Asking for redis fails: alerts about them would not come.",
    ),
    Case(
        alert="ExporterBlind",
        what="to services",
        fires=known(21),
        quiet=known(22),
        at="8m",
        labels={"severity": "warning"},
        summary="The exporter does not see all it should",
        description=(
            "It does not know all services, or the plan of the streams: alerts about them"
            " would not come."
        ),
    ),
    Case(
        alert="ExporterBlind",
        what="to the plan",
        fires=known(22, drift=False),
        quiet=known(22),
        at="8m",
        labels={"severity": "warning"},
        summary="The exporter does not see all it should",
        description=(
            "It does not know all services, or the plan of the streams: alerts about them"
            " would not come."
        ),
    ),
    Case(
        alert="TargetDown",
        fires=always("up", 0, **TARGET),
        quiet=always("up", 1, **TARGET),
        labels={"severity": "warning", **TARGET},
        summary="quest at 10.0.0.1:8080 does not tell its metrics",
        description=(
            "The instance 10.0.0.1:8080 of quest is there and does not answer /metrics: it"
            " hangs, or has no CPU."
        ),
    ),
)

OBJECTIVES = (
    Case(
        alert="AvailabilityBudgetBurns",
        what="in an hour",
        fires=handled(GENERATE, OK="0+900x30", UNAVAILABLE="0+100x30"),
        # For ten minutes all calls failed: the long window still knows, the short one does not.
        quiet=handled(GENERATE, OK="0+0x10 0+100x60", UNAVAILABLE="0+100x10 1000+0x60"),
        at="6m",
        quiet_at="52m",
        labels={"severity": "critical", "service": QUEST, "window": "1h"},
        summary=f"{QUEST} breaks what it promises (availability)",
        description=(
            f"In 1h, 10% of the calls of {QUEST} fail by its own fault. At this rate 2 % of a"
            " month's budget are gone in 1h."
        ),
    ),
    Case(
        alert="AvailabilityBudgetBurns",
        what="in six hours",
        fires=handled(GENERATE, OK="0+990x60", UNKNOWN="0+10x60"),
        quiet=handled(GENERATE, OK="0+9995x60", UNKNOWN="0+5x60"),
        at="30m",
        labels={"severity": "critical", "service": QUEST, "window": "6h"},
        summary=f"{QUEST} breaks what it promises (availability)",
        description=(
            f"In 6h, 1% of the calls of {QUEST} fail by its own fault. At this rate 5 % of a"
            " month's budget are gone in 6h."
        ),
    ),
    Case(
        alert="AvailabilityBudgetBurns",
        what="in three days",
        fires=handled(GENERATE, OK="0+997x90", DEADLINE_EXCEEDED="0+3x90"),
        quiet=handled(GENERATE, OK="0+997x90", INVALID_ARGUMENT="0+3x90"),
        at="80m",
        labels={"severity": "warning", "service": QUEST, "window": "3d"},
        summary=f"{QUEST} breaks what it promises (availability)",
        description=(
            f"In 3d, 0.3% of the calls of {QUEST} fail by its own fault. At this rate 10 % of"
            " a month's budget are gone in 3d."
        ),
    ),
    Case(
        alert="AvailabilityBudgetBurns",
        what="of a service that promises more than others",
        fires=handled(PROCESS, OK="0+996x60", INTERNAL="0+4x60"),
        quiet=handled(GENERATE, OK="0+996x60", INTERNAL="0+4x60"),
        at="30m",
        labels={"severity": "critical", "service": PAYMENT, "window": "6h"},
        summary=f"{PAYMENT} breaks what it promises (availability)",
        description=(
            f"In 6h, 0.4% of the calls of {PAYMENT} fail by its own fault. At this rate 5 % of a"
            " month's budget are gone in 6h."
        ),
    ),
    Case(
        alert="LatencyBudgetBurns",
        what="in an hour",
        fires=took(CREATE, ("2.5", 800), ("5.0", 900), ("10.0", 1000), ("+Inf", 1000)),
        quiet=took(CREATE, ("2.5", 800), ("5.0", 1000), ("10.0", 1000), ("+Inf", 1000)),
        at="6m",
        labels={"severity": "critical", "service": AUTH, "window": "1h"},
        summary=f"{AUTH} breaks what it promises (latency)",
        description=(
            f"In 1h, 10% of the calls of {AUTH} come too late. At this rate 2 % of a month's"
            " budget are gone in 1h."
        ),
    ),
    Case(
        alert="LatencyBudgetBurns",
        what="in six hours",
        fires=took(CREATE, ("2.5", 800), ("5.0", 990), ("10.0", 1000), ("+Inf", 1000)),
        # Of a time-out beyond the last bucket nothing is said.
        quiet=took(INFER, ("2.5", 800), ("5.0", 900), ("10.0", 990), ("+Inf", 1000)),
        at="30m",
        labels={"severity": "critical", "service": AUTH, "window": "6h"},
        summary=f"{AUTH} breaks what it promises (latency)",
        description=(
            f"In 6h, 1% of the calls of {AUTH} come too late. At this rate 5 % of a month's"
            " budget are gone in 6h."
        ),
    ),
    Case(
        alert="LatencyBudgetBurns",
        what="in three days, read by a collector that writes 5 for 5.0",
        fires=took(CREATE, ("2.5", 800), ("5", 997), ("10", 1000), ("+Inf", 1000)),
        quiet=took(CREATE, ("2.5", 800), ("5", 1000), ("10", 1000), ("+Inf", 1000)),
        at="80m",
        labels={"severity": "warning", "service": AUTH, "window": "3d"},
        summary=f"{AUTH} breaks what it promises (latency)",
        description=(
            f"In 3d, 0.3% of the calls of {AUTH} come too late. At this rate 10 % of a month's"
            " budget are gone in 3d."
        ),
    ),
)
