"""How long after its due instant a call is decided."""
