"""What a change of schemas and manifest breaks, and for whom."""
