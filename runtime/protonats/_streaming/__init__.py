"""Streaming calls: both directions of a stream, and its life."""
