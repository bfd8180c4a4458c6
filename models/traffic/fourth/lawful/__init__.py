"""Who calls lawfully: persons, organisations of some forty kinds, machines."""
