"""How an instance serves calls: subscriptions, one task for each call, discovery, drain."""
