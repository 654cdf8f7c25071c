"""What is written once to begin with: projects, schemas, events."""
