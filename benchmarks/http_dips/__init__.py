"""What a question over HTTP takes, and what it costs the bridge."""
