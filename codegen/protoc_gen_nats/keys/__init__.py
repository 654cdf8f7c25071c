"""The keys with which users log in to NATS: made, kept, replaced without a dropped connection."""
