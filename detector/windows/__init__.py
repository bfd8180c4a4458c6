"""Sliding windows over call events, in event time: half-open `(now - length, now]`, bounded memory, compiled loops."""

from detector.windows.engine import WindowEngine, WindowSettings
from detector.windows.trunks import TrunkShare, merge

__all__ = ["TrunkShare", "WindowEngine", "WindowSettings", "merge"]
