"""The parts that queries are made of."""

from __future__ import annotations

__all__ = [
    "AT_CONSUMER_LEADER",
    "AT_STREAM_LEADER",
    "FAULTS",
    "error_share",
    "named",
    "number",
    "quantile",
    "share",
    "share_of_both",
]

FAULTS = "INTERNAL|UNKNOWN|UNAVAILABLE|DATA_LOSS|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED"
"""The statuses that are a fault of the service; all others are an answer, or a fault of the
caller."""

AT_STREAM_LEADER = 'is_stream_leader="true"'
AT_CONSUMER_LEADER = 'is_consumer_leader="true"'
"""Every replica tells of a stream and its consumers; what the leader tells counts."""


def number(value: float) -> str:
    """A number as people write it, `1209600`."""
    return f"{value:.12g}"


def named(query: str) -> str:
    """A query about NATS servers, with the name of each as the label `value`."""
    return f"{query} * on (server_id) group_left (value) gnatsd_varz_server_name"


def share(part: str, whole: str) -> str:
    """A part of a whole. Where there is a whole and no part, it is 0."""
    return f"({part} or 0 * {whole}) / {whole}"


def share_of_both(part: str, other: str) -> str:
    """What share one of two parts has, of which either may be missing."""
    return share(part, f"({part} + {other} or {part} or {other})")


def error_share(side: str, by: str, window: str, matchers: str = "") -> str:
    """The share of calls that end with a fault of the service.

    Args:
        side: `server` or `client`.
        by: The labels of the result, separated by commas.
        window: Over which time, `5m`.
        matchers: What the calls have in common, `service="…"`.
    """
    metric = f"protonats_{side}_handled_total"
    faults = ",".join(filter(None, (matchers, f'code=~"{FAULTS}"')))
    every = f"{{{matchers}}}" if matchers else ""
    return share(
        f"sum by ({by}) (rate({metric}{{{faults}}}[{window}]))",
        f"sum by ({by}) (rate({metric}{every}[{window}]))",
    )


def quantile(which: float, side: str, by: str, window: str, matchers: str = "") -> str:
    """Seconds in which so many of the calls were done. The arguments are those of `error_share`."""
    metric = "protonats_server_handling_seconds" if side == "server" else "protonats_client_seconds"
    every = f"{{{matchers}}}" if matchers else ""
    buckets = f"sum by ({by}, le) (rate({metric}_bucket{every}[{window}]))"
    return f"histogram_quantile({which:g}, {buckets})"
