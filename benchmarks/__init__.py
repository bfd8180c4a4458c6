"""Benchmarks: each one command, seeded and self-checking; see benchmarks/README.md. Never part of the timed tests."""
