"""A project on disk: what is generated into it, and who owns which file."""
