"""The worker: its parts joined, the agent, health, metrics, the model switch."""
