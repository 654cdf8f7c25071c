"""The implementation of bodybroker.performance_mode.v1.PerformanceModeService."""
