"""Alerts about services and the calls between them."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.targets.monitoring.alert import (
    CRITICAL,
    WARNING,
    Alert,
    Platform,
    Runbook,
    Step,
)
from protoc_gen_nats.targets.monitoring.queries import number
from protoc_gen_nats.targets.monitoring.recording import LONGEST, TIME_OUT

__all__ = ["OUTBOX_AGE", "alerts"]

_GROUP = "services"
_INSTANCES = "protonats_platform_service_instances"
_ERRORS = "service:protonats_server_errors:share5m"
_P99 = "method:protonats_server_handling_seconds:p99_5m"
_MEAN = "method:protonats_server_handling_seconds:mean5m"
_REFUSED = "sum by (service, method, reason) (rate(protonats_server_refused_total[5m]))"
_BREAKERS = "max by (app, service, method) (protonats_client_breaker_state)"
_BLOCKED = "sum by (app, handler) (increase(protonats_loop_blocked_total[10m]))"
_OUTBOX = "max by (app, outbox) (protonats_outbox_oldest_seconds)"

OUTBOX_AGE = 60
"""Seconds that an event may wait in an outbox."""

_BLOCKINGS = 5
"""Times in ten minutes that a handler may hold up the event loop."""

_PING = Step(text="Whether instances answer, and how quickly.", command="protonats ping SERVICE")
_STATS = Step(
    text="Requests, errors and times of each method, as they come.",
    command="protonats stats SERVICE --watch",
)
_LOGS = Step(
    text="What its instances log.",
    command="aws logs tail /PREFIX/SERVICE --since 30m --filter-pattern error",
)
_CODES = Step(
    text="Which methods fail, and how.",
    query=(
        "sum by (service, method, code)"
        ' (rate(protonats_server_handled_total{code!="OK"}[5m])) > 0'
    ),
)
_CALLEES = Step(
    text="Whether it is what the service calls itself.",
    query="caller:protonats_client_errors:share5m > 0",
)
_DEPLOYMENTS = Step(
    text="Whether it was deployed lately; if so, that is the first suspect.",
    command=(
        "aws ecs describe-services --cluster PREFIX --services SERVICE"
        " --query 'services[].deployments[].[status,createdAt,runningCount,taskDefinition]'"
    ),
)
_ROLL_BACK = (
    "After a deployment: go back to the task definition before it, `aws ecs update-service"
    " --cluster PREFIX --service SERVICE --task-definition PREVIOUS`."
)


def alerts(platform: Platform) -> Iterator[Alert]:
    """What is said of services."""
    limits = platform.environment.alerts
    yield Alert(
        name="ServiceDown",
        group=_GROUP,
        severity=CRITICAL,
        expr=f"{_INSTANCES} == 0",
        lasts="1m",
        summary="No instance of {{ $labels.service }} answers",
        description=(
            "Nobody serves {{ $labels.service }}: every call fails with UNAVAILABLE, and its events"
            " wait."
        ),
        runbook=_DOWN,
    )
    yield Alert(
        name="ErrorShareHigh",
        group=_GROUP,
        severity=CRITICAL,
        expr=f"{_ERRORS} > {number(limits.error_share)}",
        lasts="5m",
        summary="Calls of {{ $labels.service }} fail",
        description=(
            "{{ $value | humanizePercentage }} of the calls of {{ $labels.service }} fail by its"
            " own"
            f" fault; {number(100 * limits.error_share)} % may."
        ),
        runbook=_ERROR_SHARE,
    )
    yield Alert(
        name="LatencyHigh",
        group=_GROUP,
        severity=WARNING,
        expr=(
            f"{_P99} > {number(limits.latency)}"
            f" and on (service, method) {TIME_OUT} >= {number(limits.latency)}"
        ),
        lasts="10m",
        summary="{{ $labels.service }}/{{ $labels.method }} is slow",
        description=(
            "One in a hundred calls of {{ $labels.service }}/{{ $labels.method }} takes more than"
            f" {{{{ $value | humanizeDuration }}}}; {number(limits.latency)} s are fine."
        ),
        runbook=_LATENCY,
    )
    share, top = number(limits.deadline_share), number(LONGEST / limits.deadline_share)
    yield Alert(
        name="DeadlineBudgetSpent",
        group=_GROUP,
        severity=WARNING,
        expr=(
            f"{_P99} / on (service, method) ({TIME_OUT} <= {top}) > {share}"
            f" or {_MEAN} / on (service, method) ({TIME_OUT} > {top}) > {share}"
        ),
        lasts="10m",
        summary="{{ $labels.service }}/{{ $labels.method }} is close to its time-out",
        description=(
            "Calls of {{ $labels.service }}/{{ $labels.method }} use {{ $value | humanizePercentage"
            " }} of the time-out that the schema gives them: a little slower, and they fail."
        ),
        runbook=_DEADLINE,
    )
    yield Alert(
        name="CallsRefused",
        group=_GROUP,
        severity=WARNING,
        expr=f"{_REFUSED} > 0",
        lasts="5m",
        summary="{{ $labels.service }}/{{ $labels.method }} refuses calls ({{ $labels.reason }})",
        description=(
            "{{ $value | humanize }} calls a second of {{ $labels.service }}/{{ $labels.method }}"
            " are answered before they begin, with the reason {{ $labels.reason }}."
        ),
        runbook=_CALLS_REFUSED,
    )
    yield Alert(
        name="BreakerOpen",
        group=_GROUP,
        severity=WARNING,
        expr=f"{_BREAKERS} == 2",
        lasts="1m",
        summary="{{ $labels.app }} has stopped calling {{ $labels.service }}/{{ $labels.method }}",
        description=(
            "Half of the calls from {{ $labels.app }} to {{ $labels.service }}/{{ $labels.method }}"
            " failed, so its circuit breaker is open: calls fail at once."
        ),
        runbook=_BREAKER,
    )
    yield Alert(
        name="EventLoopBlocked",
        group=_GROUP,
        severity=WARNING,
        expr=f"{_BLOCKED} > {_BLOCKINGS}",
        summary="{{ $labels.handler }} holds up everything else in {{ $labels.app }}",
        description=(
            "{{ $labels.handler }} kept the event loop of {{ $labels.app }} from running anything"
            " else {{ $value | humanize }} times in ten minutes."
        ),
        runbook=_LOOP,
    )
    yield Alert(
        name="OutboxStuck",
        group=_GROUP,
        severity=CRITICAL,
        expr=f"{_OUTBOX} > {OUTBOX_AGE}",
        lasts="2m",
        summary="Events wait in the outbox {{ $labels.outbox }}",
        description=(
            "The oldest event in the outbox {{ $labels.outbox }} of {{ $labels.app }} waits for"
            " {{ $value | humanizeDuration }}: its stream does not take it, or nobody relays."
        ),
        runbook=_OUTBOX_STUCK,
    )


_DOWN = Runbook(
    meaning=(
        "Nobody answers discovery for a service of the schemas: no instance runs, none has got as"
        " far as serving, or none may log in to NATS."
    ),
    users="Everything that needs the service fails at once, with UNAVAILABLE.",
    look=(
        Step(text="Which services nobody serves.", command="protonats ls --missing"),
        _DEPLOYMENTS,
        Step(
            text="Why its tasks stopped.",
            command=(
                "aws ecs list-tasks --cluster PREFIX --service-name SERVICE --desired-status"
                " STOPPED\n"
                "aws ecs describe-tasks --cluster PREFIX --tasks TASK"
                " --query 'tasks[].[stoppedReason,containers[].reason]'"
            ),
        ),
        _LOGS,
        Step(
            text="Whether its user may do what the service has to do.",
            command="NATS_NAME=SERVICE protonats doctor --service SERVICE",
        ),
    ),
    mend=(
        _ROLL_BACK,
        "Killed for its memory: raise `memory` in protonats.yaml.",
        "Refused by NATS: its keys or permissions are not those on the servers. `protonats keys"
        " list --environment ENVIRONMENT`, and deploy the servers' configuration.",
    ),
    close="`protonats ping SERVICE` answers from as many instances as there shall be.",
)
_ERROR_SHARE = Runbook(
    meaning=(
        "Calls end with INTERNAL, UNKNOWN, UNAVAILABLE, DATA_LOSS, DEADLINE_EXCEEDED or"
        " RESOURCE_EXHAUSTED. What callers do wrong does not count."
    ),
    users="This share of what they do fails, or takes a second try.",
    look=(_CODES, _STATS, _LOGS, _CALLEES, _DEPLOYMENTS),
    mend=(
        _ROLL_BACK,
        "INTERNAL and UNKNOWN are exceptions of the handler: the log has them, with the call's id.",
        "UNAVAILABLE and DEADLINE_EXCEEDED come from what it calls: go on there.",
        "RESOURCE_EXHAUSTED: more instances, see [CallsRefused](CallsRefused.md).",
    ),
    close="The share is below the threshold for ten minutes, and the cause is known.",
)
_LATENCY = Runbook(
    meaning="One in a hundred calls of a method takes longer than planned.",
    users="It feels slow, now and then; with many calls in one action, always.",
    look=(
        Step(
            text="Which methods, and whether all calls or the slowest only.",
            query=(
                "topk(10, method:protonats_server_handling_seconds:p99_5m)"
                " or topk(10, method:protonats_server_handling_seconds:p50_5m)"
            ),
        ),
        Step(
            text="Whether calls queue for others to be done.",
            query="sum by (service, method) (protonats_server_queued) > 0",
        ),
        Step(
            text="Whether what it calls is slow.",
            query=(
                "histogram_quantile(0.99, sum by (app, service, le)"
                " (rate(protonats_client_seconds_bucket[5m])))"
            ),
        ),
        Step(
            text="Whether its instances have the CPU they need.",
            query="sum by (app, instance) (rate(process_cpu_seconds_total[5m]))",
        ),
        _STATS,
    ),
    mend=(
        "All methods of all services: it is NATS or Redis. See"
        " [NatsCpuHigh](NatsCpuHigh.md) and [RedisMemoryHigh](RedisMemoryHigh.md).",
        "One service, with little CPU: raise `cpu` or `min_tasks` in protonats.yaml.",
        "One method that cannot be quicker: give `alerts.latency` a value that is true, or the"
        " method a shorter time-out.",
    ),
    close="The method is below the threshold for an hour.",
)
_DEADLINE = Runbook(
    meaning=(
        "The slowest hundredth of a method's calls uses nearly the whole time-out of the schema."
        f" The histograms end at {number(LONGEST)} s: of a longer time-out the mean is watched."
    ),
    users="Nothing yet. A little slower, and calls fail with DEADLINE_EXCEEDED.",
    look=(
        Step(text="The time-outs.", query=TIME_OUT),
        Step(
            text="What part of it is used.",
            query=f"{_P99} / on (service, method) {TIME_OUT}",
        ),
        _STATS,
        _CALLEES,
    ),
    mend=(
        "See [LatencyHigh](LatencyHigh.md): make it quicker.",
        "If it needs the time, give it more: `timeout` of the method in the schema, and of those"
        " that call it. `protonats graph --focus SERVICE` shows who does.",
    ),
    close="The method is below the threshold for an hour.",
)
_CALLS_REFUSED = Runbook(
    meaning=(
        "A service answers calls without beginning them. `full`: as many calls run and wait as the"
        " schema allows. `idempotency`: Redis is away, and without it a call could be done twice."
    ),
    users="Calls are repeated by clients and take longer; those that may not be repeated fail.",
    look=(
        Step(text="Which methods, and why.", query=f"{_REFUSED} > 0"),
        Step(
            text="How many calls run and wait.",
            query=(
                "sum by (service, method) (protonats_server_in_flight)"
                " or sum by (service, method) (protonats_server_queued)"
            ),
        ),
        Step(text="How many instances there are.", command="protonats ls --instances"),
    ),
    mend=(
        "`idempotency`: see [RedisDown](RedisDown.md).",
        "`full`: more instances, `min_tasks` and `max_tasks` in protonats.yaml, or a higher limit"
        " in the schema if the instances have CPU to spare.",
        "Too many calls: find who sends them, `caller:protonats_client_handled:rate5m`.",
    ),
    close="No calls are refused for ten minutes.",
)
_BREAKER = Runbook(
    meaning=(
        "A client stopped calling a method, as half of its calls failed. After a while it lets one"
        " call through to see whether that has changed."
    ),
    users="What needs the method fails at once, instead of after a time-out.",
    look=(
        Step(text="Who does not call what any more.", query=f"{_BREAKERS} == 2"),
        _PING,
        _CODES,
        Step(text="Who else calls it.", command="protonats graph --focus SERVICE"),
    ),
    mend=(
        "Mend the service that is called: see [ErrorShareHigh](ErrorShareHigh.md) and"
        " [ServiceDown](ServiceDown.md). The breaker closes by itself.",
        "If the service is well for all others, it is the way there: restart the caller's"
        " instances.",
    ),
    close="All breakers are closed.",
)
_LOOP = Runbook(
    meaning=(
        "A handler computes, or waits in a call that is not awaited. Meanwhile the instance does"
        " nothing else: no other call, no answer to the server."
    ),
    users="Every call of that instance waits. If it takes long, the server cuts it off.",
    look=(
        Step(text="Which handler.", query=f"{_BLOCKED} > 0"),
        Step(
            text="The log has where it stood.",
            command="aws logs tail /PREFIX/SERVICE --since 30m --filter-pattern blocked",
        ),
    ),
    mend=(
        "Run what computes in a thread, `await asyncio.to_thread(…)`, and use libraries that are"
        " async.",
        "If it is the garbage collector or a machine without CPU: raise `cpu` in protonats.yaml.",
    ),
    close="The handler did not block for an hour.",
)
_OUTBOX_STUCK = Runbook(
    meaning=(
        "State was changed, and the events that belong to it are not in their stream yet. They are"
        " safe in Redis, and are published as soon as that works."
    ),
    users="What follows from changes comes late.",
    look=(
        Step(text="How long, and how many.", query=f"{_OUTBOX} or protonats_outbox_pending"),
        Step(
            text="Why they are not published.",
            query="sum by (app, outbox, reason) (rate(protonats_outbox_failed_total[5m])) > 0",
        ),
        Step(text="Whether the stream is there.", command="protonats streams ls"),
        _PING,
    ),
    mend=(
        "No stream takes them, or it is full: see [StreamLeaderMissing](StreamLeaderMissing.md) and"
        " [JetStreamStorageNearFull](JetStreamStorageNearFull.md).",
        "No instance relays: see [ServiceDown](ServiceDown.md).",
    ),
    close="The outbox is empty, or its oldest event is younger than a minute.",
)
