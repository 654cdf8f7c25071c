"""Figures of what a platform stands on, for Prometheus: NATS servers, streams, services and Redis.

Run it as `python -m protonats.exporter`; `-h` lists its settings. What NATS tells is named as the
NATS project's own exporter names it, what Redis tells as redis_exporter does, so that dashboards
and rules of others fit. What neither has begins with `protonats_platform_`, and what the exporter
tells of itself with `protonats_exporter_`.
"""
