"""The fourth author's traffic, written without sight of how the first three generate, and kept for judging alone."""
