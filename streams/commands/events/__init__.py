"""Which call events a command is about."""
