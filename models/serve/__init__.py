"""What a worker runs: compiled trees, explanations, the artifact that holds them."""
