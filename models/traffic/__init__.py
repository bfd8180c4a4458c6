"""Labelled call traffic, seeded, streaming, in event-time order, with the truth of every call. It knows no clock."""
