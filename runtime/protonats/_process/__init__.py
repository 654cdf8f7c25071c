"""How the programs of this package start and end: arguments, logs, exit codes."""
