"""How a service consumes events: pulls, deliveries, dead letters."""
