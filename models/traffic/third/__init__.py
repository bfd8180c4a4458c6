"""The third author's traffic, written from the event contract and published figures alone."""
