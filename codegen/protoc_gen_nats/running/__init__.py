"""A project that runs while somebody works on it."""
