"""What a process tells about itself: metrics, and traces where OpenTelemetry is installed."""
