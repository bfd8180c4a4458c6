"""Learning on the spot: a carrier's own traffic, and the labels that it has, make a model of its own."""
