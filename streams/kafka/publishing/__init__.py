"""Records on their way to brokers: decisions, which must get there, and what only informs."""
