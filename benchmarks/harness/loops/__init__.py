"""Copy loops that do nothing else: the floor of a comparison."""
