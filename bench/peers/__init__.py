"""One module for each way to call a service; all serve the same schema."""
