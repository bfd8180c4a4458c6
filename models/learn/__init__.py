"""Training: settings, one world or many, and what a model has to beat."""
