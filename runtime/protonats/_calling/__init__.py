"""How calls are made: attempts, retries, hedges, and the breaker in front of them."""
