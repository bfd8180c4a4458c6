"""Sliding windows over call events, in event time: half-open `(now - length, now]`, bounded memory, compiled loops."""

from detector.windows.engine import WindowEngine, WindowSettings

__all__ = ["WindowEngine", "WindowSettings"]
