"""The implementation of bodybroker.environmental_narrative.v1.EnvironmentalNarrativeService."""
