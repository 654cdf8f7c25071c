"""Figures on CloudWatch, by which ECS scales services."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, Final

from protonats.errors import ConfigurationError
from protonats.exporter.scaling import Load

__all__ = ["CloudWatch", "metric_data"]

_NAMESPACE: Final = "Protonats"
_RESOLUTION: Final = 1
"""Seconds that CloudWatch keeps apart. With 60, alarms would see the mean of a minute, too late."""

_MOST: Final = 1000
"""Metrics that one request may have."""


class CloudWatch:
    """Publishes the work of services."""

    def __init__(self, cluster: str, *, region: str | None = None, client: Any = None) -> None:
        """
        Args:
            cluster: The cluster of ECS, a dimension of each metric.
            region: Where; by default, as boto3 finds it.
            client: A client of boto3; by default, one with the role of this process.

        Raises:
            ConfigurationError: boto3 is not installed, or knows no region.
        """
        self._cluster = cluster
        self._client = _client(region) if client is None else client

    async def publish(self, loads: Iterable[Load]) -> None:
        """Puts the figures of this moment.

        Raises:
            OSError: CloudWatch cannot be reached, or refuses them.
        """
        await asyncio.to_thread(_put, self._client, list(metric_data(self._cluster, loads)))


def metric_data(cluster: str, loads: Iterable[Load]) -> Iterator[dict[str, Any]]:
    """The figures, as `PutMetricData` takes them."""
    for load in loads:
        figures = {
            "RequestsPerTask": (load.requests_per_task, "Count/Second"),
            "QueuePerTask": (load.queue_per_task, "Count"),
        }
        for name, (value, unit) in figures.items():
            if value is not None:
                yield {
                    "MetricName": name,
                    "Dimensions": [
                        {"Name": "Cluster", "Value": cluster},
                        {"Name": "Service", "Value": load.service.user},
                    ],
                    "Value": value,
                    "Unit": unit,
                    "StorageResolution": _RESOLUTION,
                }


def _client(region: str | None) -> Any:
    # Loaded where it is wanted: nothing else in the exporter needs it.
    try:
        boto3, config = import_module("boto3"), import_module("botocore.config")
    except ImportError:
        raise ConfigurationError(
            "EXPORTER_CLOUDWATCH is set, and boto3 is not installed: install protonats[aws]"
        ) from None
    # What fails is put again in the next round, and an end of the process waits for it.
    settings = config.Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})
    try:
        client = boto3.client("cloudwatch", region_name=region, config=settings)
    except import_module("botocore.exceptions").NoRegionError:
        raise ConfigurationError(
            "EXPORTER_CLOUDWATCH is set, and no region is: set AWS_REGION"
        ) from None
    return client


def _put(client: Any, data: list[dict[str, Any]]) -> None:
    exceptions = import_module("botocore.exceptions")
    for begin in range(0, len(data), _MOST):
        try:
            client.put_metric_data(Namespace=_NAMESPACE, MetricData=data[begin : begin + _MOST])
        except (exceptions.BotoCoreError, exceptions.ClientError) as error:
            raise OSError(f"CloudWatch: {error}") from None
