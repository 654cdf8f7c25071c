"""What schemas turn into, in words."""
