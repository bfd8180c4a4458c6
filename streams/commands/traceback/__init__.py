"""Commands about tracebacks."""
