"""How often tracebacks among simulated carriers reach the point of entry."""
