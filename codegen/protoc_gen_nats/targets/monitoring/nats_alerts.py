"""Alerts about the NATS servers."""

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
from protoc_gen_nats.targets.monitoring.queries import named, number

__all__ = ["alerts"]

_GROUP = "nats"
_NODES = "protonats_platform_node_up"
_CPU_SHARE = 0.8
_CONNECTION_SHARE = 0.8
_MEMORY_LIMIT_SHARE = 0.75
"""Of a node's memory, the server's own limit; see the unit of the server."""

_DOCTOR = Step(text="Ask the cluster from outside.", command="protonats doctor")
_NODE = Step(text="Which nodes answer.", query=_NODES)
_CONSOLE = Step(
    text="A node says on its console what it waits for.",
    command=(
        "aws ec2 describe-instances --filters Name=tag:Name,Values=PREFIX-NODE"
        " --query 'Reservations[].Instances[].InstanceId'\n"
        "aws ec2 get-console-output --latest --output text --instance-id INSTANCE"
    ),
)
_REPLACE = (
    "End the machine if it does not come back by itself: `aws ec2 terminate-instances"
    " --instance-ids INSTANCE`. The next one gets its name, its address and its disk, and joins"
    " by itself. One at a time, and only while all others answer."
)


def alerts(platform: Platform) -> Iterator[Alert]:
    """What is said of nodes, connections and certificates."""
    environment = platform.environment
    nodes, limits = environment.nats.nodes, environment.alerts
    quorum = nodes // 2 + 1
    yield Alert(
        name="NatsNodeDown",
        group=_GROUP,
        severity=CRITICAL,
        expr=(
            f"{_NODES} == 0 or (count({_NODES}) or vector(0)) < {nodes}"
            ' and on () up{job="exporter"} == 1'
        ),
        lasts="1m",
        summary=(
            "{{ if $labels.node }}NATS node {{ $labels.node }} does not answer{{ else }}A NATS node"
            " is missing{{ end }}"
        ),
        description=(
            "{{ if $labels.node }}The node {{ $labels.node }} is not healthy or does not answer."
            f"{{{{ else }}}}Only {{{{ $value }}}} of {nodes} nodes are known.{{{{ end }}}} Another"
            " failure may stop streams."
        ),
        runbook=_NODE_DOWN,
    )
    yield Alert(
        name="NatsQuorumLost",
        group=_GROUP,
        severity=CRITICAL,
        expr=(
            f'(count({_NODES} == 1) or vector(0)) < {quorum} and on () up{{job="exporter"}} == 1'
        ),
        lasts="30s",
        summary="The NATS cluster has lost its majority",
        description=(
            f"{{{{ $value }}}} of {nodes} nodes answer, {quorum} are needed: nothing is stored any"
            " more, and streams and consumers cannot be changed."
        ),
        runbook=_QUORUM_LOST,
    )
    yield Alert(
        name="NatsSlowConsumers",
        group=_GROUP,
        severity=WARNING,
        expr=f"{named('increase(gnatsd_varz_slow_consumers[10m])')} > 0",
        summary="{{ $labels.value }} cut off clients that read too slowly",
        description=(
            "{{ $value | humanize }} connections of the node {{ $labels.value }} were cut off in"
            " ten minutes, because they did not read what was sent to them."
        ),
        runbook=_SLOW_CONSUMERS,
    )
    memory = f"gnatsd_varz_mem / (gnatsd_varz_gomemlimit / {_MEMORY_LIMIT_SHARE})"
    yield Alert(
        name="NatsMemoryHigh",
        group=_GROUP,
        severity=WARNING,
        expr=f"{named(memory)} > {number(limits.memory_share)}",
        lasts="10m",
        summary="{{ $labels.value }} is short of memory",
        description=(
            "nats-server uses {{ $value | humanizePercentage }} of the memory of the node"
            " {{ $labels.value }}."
        ),
        runbook=_MEMORY_HIGH,
    )
    cpu = "gnatsd_varz_cpu / (100 * gnatsd_varz_cores)"
    yield Alert(
        name="NatsCpuHigh",
        group=_GROUP,
        severity=WARNING,
        expr=f"{named(cpu)} > {_CPU_SHARE}",
        lasts="10m",
        summary="{{ $labels.value }} is short of CPU",
        description=(
            "nats-server uses {{ $value | humanizePercentage }} of the CPU of the node"
            " {{ $labels.value }}: calls wait for it."
        ),
        runbook=_CPU_HIGH,
    )
    connections = "gnatsd_varz_connections / gnatsd_varz_max_connections"
    yield Alert(
        name="NatsConnectionsNearLimit",
        group=_GROUP,
        severity=WARNING,
        expr=f"{named(connections)} > {_CONNECTION_SHARE}",
        lasts="5m",
        summary="{{ $labels.value }} has nearly as many connections as it may have",
        description=(
            "{{ $value | humanizePercentage }} of the connections that the node"
            " {{ $labels.value }} may have are in use. Beyond that, clients are refused."
        ),
        runbook=_CONNECTIONS,
    )
    left = "protonats_platform_certificate_expiry_timestamp_seconds - time()"
    yield Alert(
        name="CertificateExpires",
        group=_GROUP,
        severity=WARNING,
        expr=f"{left} < {number(limits.certificate_expiry)}",
        lasts="5m",
        summary="The certificate of {{ $labels.node }} ends soon",
        description=(
            "It is valid for {{ $value | humanizeDuration }} more, and should have been renewed"
            " long ago. When it ends, nobody can connect to the node."
        ),
        runbook=_CERTIFICATE,
    )


_NODE_DOWN = Runbook(
    meaning=(
        "A node of the NATS cluster is stopped, cannot be reached, or says of itself that it is not"
        " healthy; or fewer nodes are known than the manifest has."
    ),
    users=(
        "Mostly nothing: clients go to another node within seconds, and streams with three replicas"
        " go on. Calls that were under way are repeated or fail. A second node down may stop"
        " streams."
    ),
    look=(_NODE, _DOCTOR, _CONSOLE),
    mend=(
        "Wait two minutes: the server is restarted by systemd, and a lost machine is replaced.",
        "If the console says what is missing (certificate, configuration, disk), see to that.",
        _REPLACE,
    ),
    close=f"`{_NODES}` is 1 for every node, and no stream is without leader.",
)
_QUORUM_LOST = Runbook(
    meaning=(
        "Fewer than half of the nodes see each other. JetStream takes nothing that it could not"
        " keep: publishing to streams fails, consumers stand still."
    ),
    users=(
        "Calls without events still work where their node is up. Whatever publishes, reads events"
        " or keeps state fails with UNAVAILABLE. What was acknowledged is not lost."
    ),
    look=(
        _NODE,
        Step(
            text="Whether nodes see each other: each has routes to all others.",
            query=named("gnatsd_routez_num_routes"),
        ),
        _CONSOLE,
    ),
    mend=(
        "Bring nodes back, any of them: the cluster goes on by itself once there is a majority."
        " Do not delete disks: each is a replica of what was acknowledged.",
        "If nodes run and do not see each other, it is the network or the certificates of the"
        " routes: `protonats certs list --environment ENVIRONMENT`.",
        "If a zone is lost for long, make room for its nodes in the others: change `zones` of the"
        " environment, `protonats generate`, and apply.",
    ),
    close="All nodes answer and `protonats streams plan` shows nothing to do.",
)
_SLOW_CONSUMERS = Runbook(
    meaning=(
        "A client did not read fast enough, so the server cut it off to protect all others. It"
        " connects again by itself."
    ),
    users="Calls of one instance are interrupted; messages of streams may have to be sent again.",
    look=(
        Step(
            text="Which node, and when.",
            query=named("increase(gnatsd_varz_slow_consumers[10m])"),
        ),
        Step(
            text="Who: instances whose event loop was held up, or that have little CPU.",
            query="sum by (app, handler) (increase(protonats_loop_blocked_total[30m])) > 0",
        ),
        Step(
            text="Instances that lost their connection.",
            query="protonats_connected == 0 or changes(protonats_connected[30m]) > 0",
        ),
    ),
    mend=(
        "A handler that holds up the event loop: move what it computes to a thread"
        " (`asyncio.to_thread`).",
        "Too little CPU: raise `cpu` or `min_tasks` of the service in protonats.yaml.",
        "Messages that are too large or too many for one subscriber: make a stream of them.",
    ),
    close="No client was cut off for half an hour.",
)
_MEMORY_HIGH = Runbook(
    meaning=(
        "The server uses more memory than planned. It tries hard to stay below its own limit,"
        " three quarters of the machine's memory, and gets slow by it; beyond the machine's memory"
        " it is killed."
    ),
    users="Nothing yet; then higher latency, then a node that restarts.",
    look=(
        Step(text="Since when, and whether all nodes are alike.", query=named("gnatsd_varz_mem")),
        Step(
            text="What waits for clients that do not read.",
            query=named("gnatsd_connz_pending_bytes"),
        ),
        Step(
            text="What JetStream holds in memory.",
            query=named("gnatsd_varz_jetstream_stats_memory"),
        ),
        Step(text="Which streams grow.", command="protonats streams ls"),
    ),
    mend=(
        "Find the client whose messages wait (slow consumers), or the stream with a great many"
        " subjects.",
        "A larger `instance_type` for NATS in protonats.yaml, `protonats generate`, apply, and"
        " replace the nodes one by one.",
    ),
    close="Every node is below the threshold for an hour.",
)
_CPU_HIGH = Runbook(
    meaning="A server has more to do than its machine can.",
    users="Every call gets slower, those of one node first.",
    look=(
        Step(text="Messages a second, by node.", query=named("rate(gnatsd_varz_in_msgs[5m])")),
        Step(
            text="Whether the connections lie on one node.", query=named("gnatsd_varz_connections")
        ),
        Step(
            text="Which service is called so much.",
            query="topk(5, service:protonats_server_handled:rate5m)",
        ),
    ),
    mend=(
        "Connections that all lie on one node spread again when their instances are deployed anew.",
        "Calls in a loop: `protonats graph` shows who calls whom; look for retries.",
        "A larger `instance_type`, or more `nodes`, in protonats.yaml.",
    ),
    close="Every node is below the threshold for an hour.",
)
_CONNECTIONS = Runbook(
    meaning=(
        "The limit follows from the most tasks that all services may have, twice. Near it, somebody"
        " connects who should not, or connections are not closed."
    ),
    users="Nothing yet. At the limit new instances cannot connect, and a deployment fails.",
    look=(
        Step(text="Connections, by node.", query=named("gnatsd_varz_connections")),
        Step(text="How many instances each service has.", command="protonats ls --instances"),
        Step(
            text="Whether connections come and go.",
            query=named("rate(gnatsd_varz_total_connections[5m])"),
        ),
    ),
    mend=(
        "Stop what opens connections without end: mostly a client that connects for each call.",
        "If there are so many tasks, raise `max_tasks`: the limit follows.",
    ),
    close="Every node is below the threshold.",
)
_CERTIFICATE = Runbook(
    meaning=(
        "A certificate is renewed 30 days before its end, or as `certificates.renew_before` says."
        " That it was not shows that renewing fails, each day."
    ),
    users="Nothing, until it ends: then no client and no other node can connect to it.",
    look=(
        Step(
            text="When each one ends, as seconds from now.",
            query="protonats_platform_certificate_expiry_timestamp_seconds - time()",
        ),
        Step(
            text="The certificates of services and tools too.",
            command="protonats certs list --environment ENVIRONMENT",
        ),
        _CONSOLE,
    ),
    mend=(
        "On AWS a node renews by itself each day: its console says why it could not. Mostly the"
        " private CA refuses: look at its state and at the policy of the node's role.",
        "Elsewhere: `protonats certs renew --environment ENVIRONMENT`. Servers read new files on"
        " SIGHUP: no connection is lost.",
    ),
    close="The certificate is valid for longer than the threshold.",
)
