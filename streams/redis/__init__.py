"""Redis: lists and standing decisions, kept decisions, trunk totals, look-ups."""
