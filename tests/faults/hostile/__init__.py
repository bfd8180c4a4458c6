"""Everything hostile at once, poured into a running system from a process of its own."""
