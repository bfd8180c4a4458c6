"""What this worker tells Redis of itself, for people: how it does, which models it runs, how its calls drift."""
