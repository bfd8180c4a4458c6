"""How well suspect calls are grouped to campaigns."""
