"""Suspect calls grouped to campaigns, although numbers change: what callers cannot change from call to call. Pure."""
