"""What an event costs from file to decision, without a broker."""
