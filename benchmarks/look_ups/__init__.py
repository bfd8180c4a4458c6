"""How long it takes to find a call in a large archive."""
