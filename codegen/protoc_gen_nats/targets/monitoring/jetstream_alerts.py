"""Alerts about streams, consumers and dead letters."""

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
from protoc_gen_nats.targets.monitoring.queries import AT_STREAM_LEADER, named, number

__all__ = ["STORAGE_SHARE", "alerts"]

_GROUP = "jetstream"
_LEADERLESS = "protonats_platform_stream_leaderless"
_DRIFT = "protonats_platform_drift"
_DEAD = "protonats_platform_dead_letters"
_PENDING = "consumer:jetstream_consumer_num_pending:max"
_META = "jetstream_server_total_streams"

STORAGE_SHARE = "gnatsd_varz_jetstream_stats_storage / gnatsd_varz_jetstream_config_max_storage"

_STREAMS = Step(text="The streams, their leaders and replicas.", command="protonats streams ls")
_BY_STREAM = Step(
    text="What is stored, by stream.",
    query=f"sum by (stream_name) (jetstream_stream_total_bytes{{{AT_STREAM_LEADER}}})",
)


def alerts(platform: Platform) -> Iterator[Alert]:
    """What is said of what JetStream stores."""
    environment = platform.environment
    limits = environment.alerts
    yield Alert(
        name="JetStreamStorageNearFull",
        group=_GROUP,
        severity=CRITICAL,
        expr=f"{named(STORAGE_SHARE)} > {number(limits.storage_share)}",
        lasts="5m",
        summary="JetStream's storage on {{ $labels.value }} is nearly full",
        description=(
            "{{ $value | humanizePercentage }} of it are in use. When it is full, nothing is stored"
            " any more, and events wait where they are published."
        ),
        runbook=_NEAR_FULL,
    )
    yield Alert(
        name="JetStreamStopped",
        group=_GROUP,
        severity=CRITICAL,
        expr="jetstream_server_jetstream_disabled == 1",
        lasts="1m",
        summary="JetStream does not run on {{ $labels.server_name }}",
        description=(
            "The node {{ $labels.server_name }} serves clients, and stores nothing: its replicas"
            " are missing from every stream."
        ),
        runbook=_STOPPED,
    )
    if environment.nats.nodes > 1:
        yield Alert(
            name="MetaLeaderMissing",
            group=_GROUP,
            severity=CRITICAL,
            expr=f'count({_META}) unless on () count({_META}{{meta_leader!=""}})',
            lasts="1m",
            summary="JetStream has no leader",
            description=(
                "None of the {{ $value }} nodes that answer knows who leads: streams and consumers"
                " cannot be created or changed, and none finds a new leader."
            ),
            runbook=_NO_META_LEADER,
        )
    yield Alert(
        name="StreamLeaderMissing",
        group=_GROUP,
        severity=CRITICAL,
        expr=f"{_LEADERLESS} == 1",
        lasts="1m",
        summary="The stream {{ $labels.stream }} has no leader",
        description=(
            "Nothing can be written to the stream {{ $labels.stream }} or read from it: too few of"
            " its replicas are there."
        ),
        runbook=_NO_STREAM_LEADER,
    )
    yield Alert(
        name="PlanDrift",
        group=_GROUP,
        severity=WARNING,
        expr=f"{_DRIFT} > 0",
        lasts="15m",
        summary="The {{ $labels.kind }} {{ $labels.name }} is {{ $labels.problem }}",
        description=(
            "The {{ $labels.kind }} {{ $labels.name }} is not what schemas and manifest plan: it is"
            " {{ $labels.problem }}."
        ),
        runbook=_PLAN_DRIFT,
    )
    yield Alert(
        name="ConsumerLag",
        group=_GROUP,
        severity=WARNING,
        expr=f"{_PENDING} > {limits.consumer_lag}",
        lasts="5m",
        summary="{{ $labels.consumer_name }} does not keep up with {{ $labels.stream_name }}",
        description=(
            "{{ $value }} events of the stream {{ $labels.stream_name }} wait for"
            " {{ $labels.consumer_name }}. What the stream's limits remove first is never handled."
        ),
        runbook=_LAG,
    )
    yield Alert(
        name="DeadLetters",
        group=_GROUP,
        severity=WARNING,
        expr=f"{_DEAD} > {limits.dead_letters}",
        summary="{{ $labels.consumer }} has dead letters",
        description=(
            "{{ $value }} messages of the stream {{ $labels.stream }} could not be handled by"
            " {{ $labels.consumer }}, as often as they were tried. They are kept, and can be"
            " replayed."
        ),
        runbook=_DEAD_LETTERS,
    )


_NEAR_FULL = Runbook(
    meaning=(
        "What streams hold on a node comes near to what JetStream may use there, `file_store` of"
        " the manifest."
    ),
    users=(
        "Nothing yet. When it is full, publishing to streams fails with UNAVAILABLE: changes with"
        " events fail, or their events wait in the outbox."
    ),
    look=(
        Step(text="How full each node is.", query=named(STORAGE_SHARE)),
        _BY_STREAM,
        Step(
            text="Which stream grows.",
            query=(
                "topk(5, sum by (stream_name)"
                f" (deriv(jetstream_stream_total_bytes{{{AT_STREAM_LEADER}}}[1h])))"
            ),
        ),
    ),
    mend=(
        "A stream that keeps more than it has to: lower its `max_age` in protonats.yaml, then"
        " `protonats streams plan` and `protonats streams apply`.",
        "Dead letters that are settled: `protonats dlq purge --until 7d`.",
        "More room: `disk` and `file_store` in protonats.yaml, `protonats generate`, and apply.",
    ),
    close="Every node is below the threshold, and the stream that grew does not any more.",
)
_STOPPED = Runbook(
    meaning=(
        "The server stopped storing: the disk is full, cannot be written, or a limit of JetStream"
        " is reached. It does not start again by itself; on our nodes a timer restarts it when"
        " there is room."
    ),
    users="Nothing, as long as the other replicas are there.",
    look=(
        Step(text="On which nodes.", query="jetstream_server_jetstream_disabled"),
        Step(text="How full they are.", query=named(STORAGE_SHARE)),
        Step(
            text="What the node says.",
            command="aws ec2 get-console-output --latest --output text --instance-id INSTANCE",
        ),
    ),
    mend=(
        "Make room as for [JetStreamStorageNearFull](JetStreamStorageNearFull.md): the node goes on"
        " by itself.",
        "If the disk is broken, end the machine and delete the volume: the node comes back with an"
        " empty one and copies its replicas from the others.",
    ),
    close="JetStream runs on all nodes, and no stream is without leader.",
)
_NO_META_LEADER = Runbook(
    meaning=(
        "The nodes that keep the list of streams and consumers did not elect a leader: there is no"
        " majority of them, or they do not see each other."
    ),
    users="Streams that have a leader go on. Deployments that create consumers fail.",
    look=(
        Step(
            text="Who each node believes to lead.",
            query="count by (server_name, meta_leader) (jetstream_server_total_streams)",
        ),
        Step(text="Which nodes answer.", query="protonats_platform_node_up"),
        Step(text="Ask the cluster.", command="protonats doctor"),
    ),
    mend=(
        "Bring nodes back: see [NatsNodeDown](NatsNodeDown.md).",
        "A node that never comes back under its name has to be removed from the group, by the user"
        " of the system account: `$JS.API.SERVER.REMOVE`.",
    ),
    close="Every node names the same leader for ten minutes.",
)
_NO_STREAM_LEADER = Runbook(
    meaning="More than half of the replicas of a stream are missing, or do not see each other.",
    users=(
        "Publishing events of this stream fails with UNAVAILABLE, consumers stand still, and"
        " services that keep state in it cannot read it. What was acknowledged is not lost."
    ),
    look=(
        Step(text="Which streams.", query=f"{_LEADERLESS} == 1"),
        _STREAMS,
        Step(text="Which nodes answer.", query="protonats_platform_node_up"),
        Step(
            text="How often a quorum was lost lately.",
            query='increase(protonats_platform_advisories_total{kind=~".*quorum_lost"}[1h])',
        ),
    ),
    mend=(
        "Bring back the nodes with its replicas: see [NatsNodeDown](NatsNodeDown.md).",
        "If all nodes answer, restart the one that should lead: end its machine.",
        "If the disks of the majority are lost, so is the stream. Create it anew: `protonats"
        " streams apply --delete STREAM --allow-destructive`, and publish again what its publishers"
        " can.",
    ),
    close="The stream has a leader, and its consumers catch up.",
)
_PLAN_DRIFT = Runbook(
    meaning=(
        "A stream, consumer or bucket on the server is other than planned. `missing`: it is not"
        " there. `changed`: somebody or a deployment that stopped half-way changed it. `unplanned`:"
        " the plan does not have it."
    ),
    users=(
        "Of one that is missing: events are refused or not handled. Of one that is changed: events"
        " may be kept too short, or delivered too often. Of one that is not planned: nothing."
    ),
    look=(
        Step(text="All that differs.", query=f"{_DRIFT} > 0"),
        Step(text="How it differs, line by line.", command="protonats streams plan"),
        Step(
            text="Whether a deployment is under way.",
            command="protonats deploy plan --against COMMIT --environment ENVIRONMENT",
        ),
    ),
    mend=(
        "Bring the server to the plan: `protonats streams apply`. It refuses what would lose"
        " messages until it is told to.",
        "If the server is right, put it into protonats.yaml or the schema, and deploy that.",
    ),
    close="`protonats streams plan` shows nothing to do.",
)
_LAG = Runbook(
    meaning="A consumer gets more events than it handles, or handles none at all.",
    users=(
        "What follows from events comes late: a quest that is done and not paid, a search that does"
        " not find what is new."
    ),
    look=(
        Step(
            text="What waits, and what is being handled.",
            query=f"{_PENDING} or consumer:jetstream_consumer_num_ack_pending:max",
        ),
        Step(
            text="How fast it handles them, and with which result.",
            query="consumer:protonats_events_handled:rate5m",
        ),
        Step(text="Whether its service runs.", command="protonats ping SERVICE"),
        Step(text="What comes in.", command="protonats subscribe EVENT --last 5"),
    ),
    mend=(
        "No instance: see [ServiceDown](ServiceDown.md).",
        "All results are `retried`: the handler fails. Its log says why; what it calls may be down."
        " ",
        "It is only slow: raise `max_tasks`, or lower `queue_per_task`, of the service in"
        " protonats.yaml. At `max_ack_pending` the server waits for the consumer: raise it in the"
        " schema.",
        "The stream removes events by age: raise its `max_age` before they are gone, `protonats"
        " streams apply`.",
    ),
    close="What waits is below the threshold and falls.",
)
_DEAD_LETTERS = Runbook(
    meaning=(
        "A message was delivered as often as its consumer allows and failed each time, or the"
        " consumer refused it for good. It lies in the stream of dead letters."
    ),
    users="What should have followed from these events has not happened.",
    look=(
        Step(text="How many, by consumer.", query=f"{_DEAD} > 0"),
        Step(
            text="What they are, and why they failed.",
            command="protonats dlq list --consumer CONSUMER\nprotonats dlq show NUMBER",
        ),
        Step(
            text="Since when.",
            query="sum by (consumer) (increase(protonats_events_dead_lettered_total[1h]))",
        ),
    ),
    mend=(
        "Mend the cause first: a bug in the handler, a service that it calls, data that is wrong.",
        "Then handle them: `protonats dlq replay --consumer CONSUMER`. Handlers see an event again"
        " that they had partly handled.",
        "What never has to be handled: `protonats dlq purge --consumer CONSUMER`.",
    ),
    close="No dead letter is left that somebody needs, and no new ones come.",
)
