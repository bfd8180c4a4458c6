"""Traces of sampled calls: which calls, their ids, and the spans that leave for a collector. It knows no topic."""
