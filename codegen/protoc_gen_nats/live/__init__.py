"""What the commands do that talk to a server: typed calls and events without generated code."""
