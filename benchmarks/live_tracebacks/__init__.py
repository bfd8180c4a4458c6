"""Tracebacks among carriers that are running stacks."""
