"""One peer; see README.md."""
