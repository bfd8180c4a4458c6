"""Whether two commits decide the same bytes, and which one is cheaper."""
