"""For each alert what Prometheus sees when it has to come, and what it sees when it must not."""

from __future__ import annotations

from tests.platform.monitoring.rule_cases_servers import JETSTREAM, NATS, REDIS
from tests.platform.monitoring.rule_cases_services import MONITORING, OBJECTIVES, SERVICES
from tests.platform.monitoring.rule_series import Case

__all__ = ["CASES", "Case"]

CASES = (*NATS, *JETSTREAM, *SERVICES, *REDIS, *MONITORING, *OBJECTIVES)
