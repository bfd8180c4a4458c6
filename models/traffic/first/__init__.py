"""The first author's traffic: seeded, streaming, in event-time order, with the truth of every call."""
