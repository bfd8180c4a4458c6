"""Benchmarks, run on request only. Each is one command, takes a seed and checks its own run. See README.md."""
