"""Commands about what came in by each trunk group."""
